"""Whatever lies in the raw folder: archives, other objects, damage; and the cohort's rules."""

import io
import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    MediaStorageDirectoryStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    RTStructureSetStorage,
    SecondaryCaptureImageStorage,
    XRayRadiationDoseSRStorage,
)

from syda.errors import CheckFailed, ParamsError, UsageError
from syda.runtime import manifest
from syda.stages import convert
from syda.types import Volume
from syda.volume import nifti

DATA = Path(os.environ.get("SYDA_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def excluded(root):
    return json.loads((root / "data" / "nifti" / convert.EXCLUDED).read_text())


def cases(root):
    return [nifti.case_name(file) for file in nifti.case_files(root / "data" / "nifti")]


def content(ds):
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, ds, enforce_file_format=True)
    return stream.getvalue()


def digest(root):
    return manifest.digest(root / "data" / "nifti")["sha256"]


def people(ramp, as_slices, count, **tags):
    """A series each of some patients."""
    for number in range(count):
        slices = as_slices(ramp, f"1.2.{len(tags)}.{number + 1}")
        for ds in slices:
            ds.PatientID = f"patient-{len(tags)}-{number}"
            for keyword, value in tags.items():
                setattr(ds, keyword, value)
        yield slices


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_archives_give_what_their_files_would(
    root, raw, ramp, as_slices, save_slices, kind, report
):
    one, two = as_slices(ramp, "1.2.3"), as_slices(ramp, "1.2.4")
    save_slices(raw / "a", one)
    save_slices(raw / "b", two)
    convert.run(root)
    unpacked, expected = digest(root), report()

    # the same slices: some as files, the others in two archives, a series on both sides of each
    for file in [*raw.rglob("*")]:
        if file.is_file():
            file.unlink()
    save_slices(raw / "a", one[:3])
    for name, slices in (("first", [*one[3:], *two[:5]]), ("second", two[5:])):
        files = {f"{n}.dcm": content(ds) for n, ds in enumerate(slices)}
        if kind == "zip":
            with zipfile.ZipFile(raw / "a" / name, "w", zipfile.ZIP_DEFLATED) as opened:
                for member, data in files.items():
                    opened.writestr(f"deep/in/{member}", data)
        else:
            with tarfile.open(raw / name, f"w:{kind[4:]}") as opened:
                for member, data in files.items():
                    info = tarfile.TarInfo(member)
                    info.size = len(data)
                    opened.addfile(info, io.BytesIO(data))
    convert.run(root)
    assert digest(root) == unpacked
    assert report() == expected
    assert {path.name for path in (root / "data").iterdir()} == {"raw", "nifti"}


def test_a_hostile_archive_is_a_fault_listed_without_a_name(
    root, raw, ramp, as_slices, save_slices, report
):
    for slices in people(ramp, as_slices, 4):
        save_slices(raw / slices[0].PatientID, slices)
    with zipfile.ZipFile(raw / "MILLER.zip", "w") as opened:
        opened.writestr("../MILLER.dcm", content(as_slices(ramp, "1.9")[0]))
    convert.run(root)
    found = report()
    assert found["converted"] == 4
    assert found["reasons"] == {"archive_path": 1}
    (aside,) = found["set_aside"]
    assert aside["reason"] == "archive_path"
    assert aside["id"].startswith("a")
    assert "MILLER" not in json.dumps(found)
    assert {path.name for path in (root / "data").iterdir()} == {"raw", "nifti"}

    with zipfile.ZipFile(raw / "another.zip", "w") as opened:
        opened.writestr("/etc/x", b"1")
    with pytest.raises(CheckFailed, match=r"2 of 6 series and archives .*archive_path 2"):
        convert.run(root)
    assert {path.name for path in (root / "data").iterdir()} == {"raw", "nifti"}


def test_limits_are_those_of_the_params(root, raw, ramp, as_slices, save_slices, workspace, report):
    with tarfile.open(save_slices(raw / "x", as_slices(ramp)) / "t.tar", "w") as opened:
        for number, ds in enumerate(as_slices(ramp, "1.2.4")):
            info = tarfile.TarInfo(f"{number}")
            info.size = len(content(ds))
            opened.addfile(info, io.BytesIO(content(ds)))
    convert.run(root)
    assert len(cases(root)) == 2
    small = {"convert.select.min_slices": 4, "convert.max_quarantine_share": 1.0}
    for key, value in {"max_members": 7, "max_file_mb": 0.0005, "max_total_mb": 0.001}.items():
        workspace(small | {f"convert.archives.{key}": value})
        convert.run(root)
        assert report()["reasons"] == {"archive_too_large": 1}


OTHER_OBJECTS = {
    "dose report": XRayRadiationDoseSRStorage,
    "secondary capture": SecondaryCaptureImageStorage,
    "MR": MRImageStorage,
    "PET": PositronEmissionTomographyImageStorage,
    "RTSTRUCT": RTStructureSetStorage,
    "DICOMDIR": MediaStorageDirectoryStorage,
}


def test_other_objects_and_damaged_files_are_counted_and_the_scan_comes_out(
    root, raw, ramp, as_slices, save_slices, report
):
    slices = as_slices(ramp)
    save_slices(raw / "ct", slices)
    sound = content(slices[0])
    for name, uid in OTHER_OBJECTS.items():
        ds = pydicom.dcmread(io.BytesIO(sound))
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = uid
        (raw / name).write_bytes(content(ds))
    scout = pydicom.dcmread(io.BytesIO(sound))
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    (raw / "scout").write_bytes(content(scout))
    garbage = np.random.default_rng(0)
    (raw / "garbage").write_bytes(garbage.bytes(5000))
    (raw / "garbage behind the magic").write_bytes(bytes(128) + b"DICM" + garbage.bytes(5000))
    (raw / "empty").touch()
    for length in (1, 131, 132, 150):
        (raw / f"cut {length}").write_bytes(sound[:length])
    convert.run(root)

    (case,) = cases(root)
    volume = nifti.read(root / "data" / "nifti" / f"{case}{nifti.SUFFIX}")
    np.testing.assert_array_equal(volume.hu, ramp.hu)
    ignored = report()["files_ignored"]
    assert sum(ignored.values()) == len(OTHER_OBJECTS) + 1 + 3 + 4
    assert ignored["localizer"] == 1
    assert ignored["not_ct_image"] >= len(OTHER_OBJECTS)
    assert report()["set_aside"] == []


def test_truncated_pixels_are_set_aside(root, raw, ramp, as_slices, save_slices, workspace, report):
    workspace({"convert.select.min_slices": 4, "convert.max_quarantine_share": 1.0})
    save_slices(raw / "sound", as_slices(ramp, "1.2.4"))
    save_slices(raw / "cut", as_slices(ramp))
    file = raw / "cut" / "0003"
    file.write_bytes(file.read_bytes()[:-40])
    convert.run(root)
    assert report()["reasons"] == {"undecodable_pixels": 1}


def test_a_ct_object_without_an_image_is_set_aside(
    root, raw, ramp, as_slices, save_slices, workspace, report
):
    workspace({"convert.select.min_slices": 4, "convert.max_quarantine_share": 1.0})
    save_slices(raw / "sound", as_slices(ramp, "1.2.4"))
    hollow = as_slices(ramp)
    for ds in hollow:
        for keyword in ("PixelData", "Rows", "Columns", "ImagePositionPatient"):
            delattr(ds, keyword)
    save_slices(raw / "hollow", hollow)
    convert.run(root)
    assert report()["reasons"] == {"missing_attribute": 1}


def test_two_studies_of_two_patients_in_one_folder_are_two_cases(
    root, raw, ramp, as_slices, save_slices
):
    one, two = as_slices(ramp, "1.2.3"), as_slices(ramp, "1.2.4")
    for ds in two:
        ds.PatientID, ds.StudyInstanceUID = "patient-2", "1.9"
    save_slices(raw, [slice_ for pair in zip(one, two, strict=True) for slice_ in pair])
    convert.run(root)
    assert len(cases(root)) == 2


def test_two_patients_under_one_series_are_set_aside(
    root, raw, ramp, as_slices, save_slices, workspace, report
):
    workspace({"convert.select.min_slices": 4, "convert.max_quarantine_share": 1.0})
    save_slices(raw / "sound", as_slices(ramp, "1.2.4"))
    mixed = as_slices(ramp)
    mixed[5].PatientID = "patient-2"
    save_slices(raw / "mixed", mixed)
    convert.run(root)
    assert report()["reasons"] == {"mixed_identity": 1}


def test_a_pixel_format_that_differs_among_slices_is_flagged(
    root, raw, ramp, as_slices, save_slices, report
):
    slices = as_slices(ramp)
    stored = slices[2].pixel_array.copy() - 24
    slices[2].PixelData, slices[2].RescaleIntercept = stored.tobytes(), -1000
    save_slices(raw, slices)
    convert.run(root)
    (case,) = cases(root)
    facts = json.loads((root / "data" / "nifti" / f"{case}.json").read_text())
    assert facts["source"]["unusual"] == ["RescaleIntercept"]
    assert report()["unusual"] == {"RescaleIntercept": 1}
    volume = nifti.read(root / "data" / "nifti" / f"{case}{nifti.SUFFIX}")
    np.testing.assert_array_equal(volume.hu, ramp.hu)


def test_names_that_are_no_utf8_are_names(root, raw, ramp, as_slices, save_slices):
    folder = save_slices(raw, as_slices(ramp))
    latin = bytes(folder) + b"/M\xfcller.dcm"
    (folder / "0000").rename(latin.decode(errors="surrogateescape"))
    convert.run(root)
    assert len(cases(root)) == 1


@pytest.mark.slow
@pytest.mark.skipif(
    not (DATA / "abdomen").is_dir(),
    reason=f"no real CT for tests: set SYDA_TEST_DATA ({DATA.name}/abdomen is missing)",
)
def test_real_archives_are_read_as_they_are(root, raw, workspace, report):
    raw.mkdir(parents=True)
    for file in (DATA / "abdomen").glob("*.tar.xz"):
        shutil.copy(file, raw)
    convert.run(root)
    found = report()
    assert (found["converted"], found["set_aside"]) == (2, [])
    assert (found["excluded"], found["unusual"]) == ({"total": 0}, {})
    contrast = {}
    for case in cases(root):
        facts = json.loads((root / "data" / "nifti" / f"{case}.json").read_text())
        contrast[facts["source"]["shape"][2]] = facts["attributes"]["contrast"]
    assert contrast == {41: True, 99: None}

    workspace({"data.version": "v0", "convert.select.contrast": "without"})
    convert.run(root)
    (case,) = cases(root)
    assert nifti.read_header(root / "data" / "nifti" / f"{case}{nifti.SUFFIX}")[0][2] == 99


# --- the cohort


def test_the_rules_leave_out_and_never_fail_the_stage(
    root, raw, ramp, as_slices, save_slices, workspace, report
):
    """Ten with contrast against one without: a share that as faults would stop the stage."""
    workspace({"convert.select.min_slices": 4, "convert.select.contrast": "without"})
    save_slices(raw / "plain", as_slices(ramp))
    for slices in people(ramp, as_slices, 10, SeriesDescription="portal venous"):
        save_slices(raw / slices[0].PatientID, slices)
    save_slices(raw / "short", as_slices(ramp, "1.2.9")[:3])
    convert.run(root)
    found = report()
    assert (found["converted"], found["set_aside"], found["reasons"]) == (1, [], {})
    # one short series of one person: neither its count nor the one that would give it away
    assert found["excluded"] == {
        "contrast_agent": "not told",
        "too_few_slices": "not told",
        "total": 11,
    }
    told = excluded(root)  # which DVC keeps, and git does not
    assert sorted(entry["reason"] for entry in told) == ["contrast_agent"] * 10 + ["too_few_slices"]
    assert not {entry["id"] for entry in told} & {*cases(root)}
    assert all(entry["id"].startswith("c") for entry in told)


def test_each_rule_is_applied(root, raw, ramp, as_slices, save_slices, workspace, report):
    save_slices(raw / "kept", as_slices(ramp))  # 8 slices of 5 mm
    for number, (factor, part) in enumerate([(1, "HEAD"), (3, "ABDOMEN"), (0.1, "ABDOMEN")]):
        affine = ramp.affine.copy()
        affine[:3, 2] *= factor
        slices = as_slices(Volume(ramp.hu, affine), f"1.2.{number + 10}")
        for ds in slices:
            ds.BodyPartExamined = part
        save_slices(raw / f"{number}", slices)
    for path in (raw / "kept").iterdir():
        ds = pydicom.dcmread(path)
        ds.BodyPartExamined = "ABDOMEN"
        ds.save_as(path)
    select = {"min_slices": 4, "body_parts": ["ABDOMEN"], "min_length_mm": 10.0}
    workspace({f"convert.select.{key}": value for key, value in select.items()})
    convert.run(root)
    assert report()["converted"] == 1
    assert sorted(entry["reason"] for entry in excluded(root)) == [
        "other_body_part",
        "scan_length",
        "slice_distance",
    ]


def test_a_reader_leaves_a_case_out(root, raw, ramp, as_slices, save_slices, workspace, report):
    for slices in people(ramp, as_slices, 2):
        save_slices(raw / slices[0].PatientID, slices)
    convert.run(root)
    first, second = cases(root)
    workspace({"convert.select.min_slices": 4, "convert.select.exclude": [f"{first} stone"]})
    convert.run(root)
    assert cases(root) == [second]
    assert excluded(root) == [{"id": first, "reason": "reader_stone", "detail": ""}]
    assert report()["excluded"] == {"reader_stone": "not told", "total": "not told"}


def test_a_readers_case_that_is_not_there_is_wrong_use(
    root, raw, ramp, as_slices, save_slices, workspace
):
    save_slices(raw, as_slices(ramp))
    gone = "c" + "0" * 16
    workspace({"convert.select.min_slices": 4, "convert.select.exclude": [f"{gone} stone"]})
    with pytest.raises(UsageError, match=f"no series is {gone}"):
        convert.run(root)
    assert not (root / "data" / "nifti").exists()


def test_nothing_left_is_a_failed_check(root, raw, ramp, as_slices, save_slices, workspace):
    save_slices(raw, as_slices(ramp))
    workspace({"convert.select.min_slices": 9})
    with pytest.raises(CheckFailed, match=r"could be converted \(too_few_slices not told\)"):
        convert.run(root)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("body_parts", ["ABDOMAN"], "no known body part: ABDOMAN"),
        ("exclude", ["c0123456789abcdef because of Miller"], "pattern"),
        ("exclude", ["c0123456789abcdef stone"] * 2, "a case twice"),
        ("contrast", "with", "'any' or 'without'"),
        ("modalities", [], "at least 1"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(root, raw, workspace, key, value, says):
    raw.mkdir(parents=True)
    workspace({f"convert.select.{key}": value})
    with pytest.raises(ParamsError, match=says):
        convert.run(root)
