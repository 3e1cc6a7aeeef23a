"""Whatever is in the raw folder: archives, other objects, damage; and the rules of the cohort."""

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
from syda.types import Volume

DATA = Path(os.environ.get("SYDA_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
ANY_SHARE = {"max_rejected_share": 1.0}
MANIFEST = "reports/manifest/convert.json"
"""It holds the digest of the raw folder."""


def content(ds):
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, ds, enforce_file_format=True)
    return stream.getvalue()


def add_patients(scans, count, **tags):
    """A series for each of some patients."""
    for number in range(count):
        series = scans.series(10 * len(tags) + number, PatientID=f"p{number}", **tags)
        scans.add(f"p{number}", series)


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in files.items():
            opened.writestr(name, data)


def tarred(path, files, compression=""):
    with tarfile.open(path, f"w:{compression}") as opened:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_archives_give_what_their_files_would(scans, kind):
    one, two = scans.series(3), scans.series(4)
    scans.add("a", one)
    scans.add("b", two)
    report, outputs = scans.run(), scans.outputs()

    # the same slices: some as files, the others in two archives, a series on both sides of each
    shutil.rmtree(scans.raw)
    scans.add("a", one[:3])
    for path, slices in (("a/first", [*one[3:], *two[:5]]), ("second", two[5:])):
        files = {f"deep/in/{n}.dcm": content(ds) for n, ds in enumerate(slices)}
        if kind == "zip":
            zipped(scans.raw / path, files)
        else:
            tarred(scans.raw / path, files, kind[4:])
    assert scans.run() == report
    assert scans.outputs() | {MANIFEST: ""} == outputs | {MANIFEST: ""}
    assert {path.name for path in (scans.root / "data").iterdir()} == {"raw", "nifti"}


def test_a_hostile_archive_is_a_fault_that_is_reported_without_a_name(scans):
    add_patients(scans, 4)
    zipped(scans.raw / "MILLER.zip", {"../MILLER.dcm": content(scans.series(9)[0])})
    report = scans.run()
    assert report["converted"] == 4
    assert report["reasons"] == {"archive_path": 1}
    (rejected,) = report["rejected"]
    assert rejected["reason"] == "archive_path"
    assert rejected["id"].startswith("a")
    assert "MILLER" not in json.dumps(report)
    assert {path.name for path in (scans.root / "data").iterdir()} == {"raw", "nifti"}

    zipped(scans.raw / "another.zip", {"/etc/x": b"1"})
    with pytest.raises(CheckFailed, match=r"2 of 6 series and archives .*archive_path 2"):
        scans.run()
    assert {path.name for path in (scans.root / "data").iterdir()} == {"raw", "nifti"}


def test_limits_are_those_of_the_params(scans):
    files = {f"{number}": content(ds) for number, ds in enumerate(scans.series(4))}
    tarred(scans.add("x") / "t.tar", files)
    assert scans.run()["converted"] == 2
    for key, value in {"max_members": 7, "max_file_mb": 0.0005, "max_total_mb": 0.001}.items():
        report = scans.run(ANY_SHARE | {f"archives.{key}": value})
        assert report["reasons"] == {"archive_too_large": 1}


OTHER_OBJECTS = {
    "dose report": XRayRadiationDoseSRStorage,
    "secondary capture": SecondaryCaptureImageStorage,
    "MR": MRImageStorage,
    "PET": PositronEmissionTomographyImageStorage,
    "RTSTRUCT": RTStructureSetStorage,
    "DICOMDIR": MediaStorageDirectoryStorage,
}


def test_other_objects_and_damaged_files_are_counted_and_the_scan_comes_out(scans):
    scans.add("ct")
    sound = content(scans.series()[0])
    for name, uid in OTHER_OBJECTS.items():
        ds = pydicom.dcmread(io.BytesIO(sound))
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = uid
        (scans.raw / name).write_bytes(content(ds))
    scout = scans.series(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])[0]
    garbage = np.random.default_rng(0)
    damaged = {
        "garbage": garbage.bytes(5000),
        "garbage behind the magic": bytes(128) + b"DICM" + garbage.bytes(5000),
        "empty": b"",
        **{f"cut {length}": sound[:length] for length in (1, 131, 132, 150)},
    }
    for name, data in ({"scout": content(scout)} | damaged).items():
        (scans.raw / name).write_bytes(data)
    report = scans.run()

    (case,) = scans.case_ids()
    np.testing.assert_array_equal(scans.volume(case).hu, scans.ramp.hu)
    ignored = report["files_ignored"]
    assert sum(ignored.values()) == len(OTHER_OBJECTS) + 1 + len(damaged)
    assert ignored["localizer"] == 1
    assert ignored["not_ct_image"] >= len(OTHER_OBJECTS)
    assert report["rejected"] == []


def cut_pixels(slices):
    slices[3].PixelData = slices[3].PixelData[:-40]


def no_image(slices):
    for ds in slices:
        for keyword in ("PixelData", "Rows", "Columns", "ImagePositionPatient"):
            delattr(ds, keyword)


def two_patients(slices):
    slices[5].PatientID = "patient-2"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (cut_pixels, "undecodable_pixels"),
        (no_image, "missing_attribute"),
        (two_patients, "mixed_identity"),
    ],
)
def test_a_damaged_or_mixed_series_is_rejected_and_a_sound_one_is_converted(scans, change, reason):
    slices = scans.series()
    change(slices)
    scans.add("faulty", slices)
    scans.add("sound", scans.series(4))
    report = scans.run(ANY_SHARE)
    assert report["reasons"] == {reason: 1}
    assert report["converted"] == 1


def test_two_studies_of_two_patients_in_one_folder_are_two_cases(scans):
    two = scans.series(4, PatientID="patient-2", StudyInstanceUID="1.9")
    scans.add("", [ds for pair in zip(scans.series(), two, strict=True) for ds in pair])
    assert scans.run()["converted"] == 2


def test_a_pixel_format_that_differs_among_slices_is_reported(scans):
    slices = scans.series()
    stored = slices[2].pixel_array.copy() - 24
    slices[2].PixelData, slices[2].RescaleIntercept = stored.tobytes(), -1000
    scans.add("", slices)
    report = scans.run()
    (case,) = scans.cases()
    assert case["source"]["unusual"] == ["RescaleIntercept"]
    assert report["unusual"] == {"RescaleIntercept": "not told"}
    np.testing.assert_array_equal(scans.volume(case["case"]).hu, scans.ramp.hu)


def test_file_names_that_are_no_utf8_are_accepted(scans):
    folder = scans.add("")
    latin = bytes(folder) + b"/M\xfcller.dcm"
    (folder / "0000").rename(latin.decode(errors="surrogateescape"))
    assert scans.run()["converted"] == 1


@pytest.mark.slow
@pytest.mark.skipif(
    not (DATA / "abdomen").is_dir(),
    reason=f"no real CT for tests: set SYDA_TEST_DATA ({DATA.name}/abdomen is missing)",
)
def test_real_archives_are_read_as_they_are(scans):
    scans.raw.mkdir(parents=True)
    for file in (DATA / "abdomen").glob("*.tar.xz"):
        shutil.copy(file, scans.raw)
    report = scans.run({"select.min_slices": 16})
    assert (report["converted"], report["rejected"]) == (2, [])
    assert (report["excluded"], report["unusual"]) == ({"total": 0}, {})
    contrast = {c["source"]["shape"][2]: c["attributes"]["contrast"] for c in scans.cases()}
    assert contrast == {41: True, 99: None}

    scans.run({"select.contrast": "without"})
    assert [case["source"]["shape"][2] for case in scans.cases()] == [99]


# --- the cohort


def test_the_rules_exclude_and_never_fail_the_stage(scans):
    """Ten with contrast against one without: a share that as faults would stop the stage."""
    scans.add("plain")
    add_patients(scans, 10, SeriesDescription="portal venous")
    scans.add("short", scans.series(9)[:3])
    report = scans.run({"select.contrast": "without"})
    assert (report["converted"], report["rejected"], report["reasons"]) == (1, [], {})
    # one short series of one person: neither its count nor the one that would give it away
    assert report["excluded"] == {
        "contrast_agent": "not told",
        "too_few_slices": "not told",
        "total": 11,
    }
    entries = scans.excluded()  # DVC stores it, and git does not
    reasons = sorted(entry["reason"] for entry in entries)
    assert reasons == ["contrast_agent"] * 10 + ["too_few_slices"]
    assert not {entry["id"] for entry in entries} & {*scans.case_ids()}
    assert all(entry["id"].startswith("c") for entry in entries)


def test_each_rule_is_applied(scans):
    """Series of 8 slices of 5 mm, and of 15 and 0.5 mm."""
    parts = [(1, "ABDOMEN"), (1, "HEAD"), (3, "ABDOMEN"), (0.1, "ABDOMEN")]
    for number, (factor, part) in enumerate(parts):
        affine = scans.ramp.affine.copy()
        affine[:3, 2] *= factor
        volume = Volume(scans.ramp.hu, affine)
        scans.add(f"{number}", scans.series(number, volume, BodyPartExamined=part))
    report = scans.run({"select.body_parts": ["ABDOMEN"], "select.min_length_mm": 10.0})
    assert report["converted"] == 1
    reasons = sorted(entry["reason"] for entry in scans.excluded())
    assert reasons == ["other_body_part", "scan_length", "slice_distance"]


def test_a_reader_excludes_a_case(scans):
    add_patients(scans, 2)
    scans.run()
    first, second = scans.case_ids()
    report = scans.run({"select.exclude": [f"{first} stone"]})
    assert scans.case_ids() == [second]
    assert scans.excluded() == [{"id": first, "reason": "reader_stone", "detail": ""}]
    assert report["excluded"] == {"reader_stone": "not told", "total": "not told"}


def test_an_excluded_case_that_does_not_exist_is_wrong_use(scans):
    scans.add("")
    missing = "c" + "0" * 16
    with pytest.raises(UsageError, match=f"no series is {missing}"):
        scans.run({"select.exclude": [f"{missing} stone"]})
    assert not scans.nifti.exists()


def test_nothing_left_is_a_failed_check(scans):
    scans.add("")
    with pytest.raises(CheckFailed, match=r"could be converted \(too_few_slices not told\)"):
        scans.run({"select.min_slices": 9})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("body_parts", ["ABDOMAN"], "unknown body part: ABDOMAN"),
        ("exclude", ["c0123456789abcdef because of Miller"], "pattern"),
        ("exclude", ["c0123456789abcdef stone"] * 2, "a case twice"),
        ("contrast", "with", "'any' or 'without'"),
        ("modalities", [], "at least 1"),
    ],
)
def test_impossible_rules_are_refused(scans, key, value, message):
    scans.raw.mkdir(parents=True)
    with pytest.raises(ParamsError, match=message):
        scans.run({f"select.{key}": value})
