import json
import shutil

import numpy as np
import pytest

from syda import params
from syda.dicom import conversion, intake
from syda.dicom.reject import Reason
from syda.errors import CheckFailed, UsageError
from syda.runtime import manifest
from syda.stages import convert
from syda.volume import nifti


def test_series_are_grouped_by_uid_whatever_the_folders(
    root, raw, ramp, as_slices, save_slices, report
):
    one, two = as_slices(ramp, "1.2.3"), as_slices(ramp, "1.2.4")
    for ds in two:
        ds.PatientID = "patient-2"
    save_slices(raw / "a" / "b", one[:4] + two[4:])
    save_slices(raw / "c", two[:4] + one[4:])
    (raw / "notes.txt").write_text("no DICOM")

    convert.run(root)

    files = nifti.case_files(root / "data" / "nifti")
    assert len(files) == 2
    facts = [json.loads(f.with_name(f"{nifti.case_name(f)}.json").read_text()) for f in files]
    assert len({fact["patient"] for fact in facts}) == 2
    for file, fact in zip(files, facts, strict=True):
        volume = nifti.read(file)
        np.testing.assert_array_equal(volume.hu, ramp.hu)
        np.testing.assert_allclose(volume.affine, ramp.affine, atol=1e-6)
        assert fact["case"] == nifti.case_name(file)
        assert fact["attributes"]["sex"] == "F"
    assert report()["converted"] == 2
    assert report()["files_ignored"] == {"not_dicom": 1}
    assert report()["sex"] == {"F": "not told"}


def test_same_scans_same_bytes(root, raw, ramp, as_slices, save_slices):
    save_slices(raw, as_slices(ramp))
    convert.run(root)
    first = {p: manifest.digest_file(p) for p in sorted((root / "data" / "nifti").iterdir())}
    first |= {p: manifest.digest_file(p) for p in sorted((root / "reports").rglob("*.json"))}
    convert.run(root)
    assert all(manifest.digest_file(p) == digest for p, digest in first.items())


def test_which_copy_stays_does_not_depend_on_file_names(root, raw, ramp, as_slices, save_slices):
    """Two exports of one series, the same SOPInstanceUIDs and pixels, other headers."""
    one, two = as_slices(ramp), as_slices(ramp)
    for ds in two:
        ds.PatientAge, ds.KVP, ds.SliceThickness = "081Y", 80, 2.5
    found = set()
    for seed in range(6):
        shutil.rmtree(raw, ignore_errors=True)
        shutil.rmtree(root / ".work", ignore_errors=True)
        every = one + two
        save_slices(raw, [every[i] for i in np.random.default_rng(seed).permutation(len(every))])
        convert.run(root)
        (facts,) = (root / "data" / "nifti").glob("c*.json")
        assert json.loads(facts.read_text())["source"]["irregularities"] == ["copies_dropped"]
        found.add(facts.read_text())
    assert len(found) == 1


def test_faulty_series_are_set_aside_with_a_reason(root, raw, ramp, as_slices, save_slices, report):
    for number in range(4):
        save_slices(raw / f"good{number}", as_slices(ramp, f"1.2.{number + 10}"))
    gap = as_slices(ramp, "1.2.99")
    save_slices(raw / "gap", gap[:3] + gap[4:])
    convert.run(root)
    found = report()
    assert found["converted"] == 4
    assert found["reasons"] == {"missing_slices": 1}
    (aside,) = found["set_aside"]
    assert aside["reason"] == "missing_slices"
    assert "1.2.99" not in json.dumps(found)


def cases(root):
    return [json.loads(file.read_text()) for file in sorted((root / "data/nifti").glob("c*.json"))]


def test_what_was_put_right_is_told_of_the_case_and_counted(
    root, raw, ramp, as_slices, save_slices, report
):
    tilted = as_slices(ramp, "1.2.1")
    for k, ds in enumerate(tilted):
        x, y, z = ds.ImagePositionPatient
        ds.ImagePositionPatient = [x, y + k * 5 * np.tan(np.radians(15)), z]
    uneven = as_slices(ramp, "1.2.2")
    uneven[3].ImagePositionPatient = [*uneven[3].ImagePositionPatient[:2], 36]
    copied = as_slices(ramp, "1.2.3")
    for name, slices in {
        "tilted": tilted,
        "uneven": uneven,
        "copied": [*copied, copied[2]],
        "plain": as_slices(ramp, "1.2.4"),
    }.items():
        save_slices(raw / name, slices)
    convert.run(root)
    sources = {tuple(c["source"]["irregularities"]): c["source"] for c in cases(root)}
    assert set(sources) == {("gantry_tilt",), ("irregular_spacing",), ("copies_dropped",), ()}
    assert sources["gantry_tilt",]["gantry_tilt_degrees"] == 15
    assert sources["gantry_tilt",]["shape"] == [12, 10 + 7, 8]  # 9.38 mm of drift, rows of 1.5 mm
    assert sources["copies_dropped",] == sources[()] | {"irregularities": ["copies_dropped"]}
    assert report()["irregularities"] == {
        "gantry_tilt": 1,
        "irregular_spacing": 1,
        "copies_dropped": 1,
    }


def test_acquisitions_become_cases_whose_ids_do_not_depend_on_each_other(
    root, raw, ramp, as_slices, save_slices, report
):
    def acquisition(number):
        slices = as_slices(type(ramp)(ramp.hu + np.int16(number), ramp.affine))
        for ds in slices:
            ds.AcquisitionNumber = number
        return slices

    for number in (1, 2, 3):
        save_slices(raw / f"{number}", acquisition(number))
    save_slices(raw / "4", acquisition(4)[:2])
    convert.run(root)
    three = {case["case"] for case in cases(root)}
    assert len(three) == report()["converted"] == 3
    assert report()["reasons"] == {}
    left_out = json.loads((root / "data/nifti" / convert.EXCLUDED).read_text())
    assert [entry["reason"] for entry in left_out] == ["too_few_slices"]  # the fourth, broken off
    assert len({case["patient"] for case in cases(root)}) == 1
    assert report()["irregularities"] == {"several_acquisitions": 3}
    for file in [*(raw / "2").iterdir(), *(raw / "4").iterdir()]:
        file.unlink()
    convert.run(root)
    two = {case["case"] for case in cases(root)}
    assert len(two) == 2
    assert two < three


def test_one_missing_slice_is_filled_where_the_parameter_says_so(
    root, raw, ramp, as_slices, save_slices, workspace
):
    slices = as_slices(ramp)
    save_slices(raw, slices[:3] + slices[4:])
    with pytest.raises(CheckFailed, match="missing_slices 1"):
        convert.run(root)
    workspace({"convert.select.min_slices": 4, "convert.fill_one_missing_slice": True})
    convert.run(root)
    (case,) = cases(root)
    assert case["source"]["irregularities"] == ["missing_slice_filled"]
    assert case["source"]["slices"] == 7
    assert case["attributes"]["scan_length_mm"] == 40
    volume = nifti.read(root / "data" / "nifti" / f"{case['case']}.nii.gz")
    assert np.abs(volume.hu - ramp.hu.astype(int)).max() <= 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of what pydicom says to damaged files
@pytest.mark.parametrize("seed", range(3))
def test_damage_of_any_byte_is_a_reason_never_a_crash(
    root, raw, ramp, as_slices, save_slices, seed
):
    """Cut files and changed bytes, most of them in the header: a case or a reason comes out."""
    files = sorted(save_slices(raw, as_slices(ramp)).iterdir())
    whole = [file.read_bytes() for file in files]
    config = params.load(root)
    settings = config.section("convert", convert.Params).settings(config.ct)
    random = np.random.default_rng(seed)
    reasons = set()
    for _ in range(150):
        number = random.integers(len(files))
        damaged = bytearray(whole[number])
        if random.random() < 0.2:
            del damaged[random.integers(len(damaged)) :]
        else:
            for _ in range(random.choice([1, 2, 8])):
                damaged[random.integers(128, len(damaged) - 200)] = random.integers(256)
        files[number].write_bytes(damaged)
        groups, ignored = convert.group(intake.files(raw))
        outcomes = [
            outcome
            for uid, found in groups.items()
            for outcome in conversion.convert(uid, found, root / "out", b"key", settings)
        ]
        assert sum(map(len, groups.values())) + ignored.total() == len(files)
        assert all((o.attributes is None) != (o.reason is None) for o in outcomes)
        reasons |= {o.reason for o in outcomes}
        files[number].write_bytes(whole[number])
    assert {None, Reason.UNDECODABLE_PIXELS, Reason.MISSING_ATTRIBUTE} <= reasons


def test_too_many_faults_stop_the_stage_and_leave_no_data(
    root, raw, ramp, as_slices, save_slices, report
):
    save_slices(raw / "good", as_slices(ramp, "1.2.1"))
    hot = type(ramp)(np.full_like(ramp.hu, 5000), ramp.affine)
    save_slices(raw / "hot", as_slices(hot, "1.2.2"))
    with pytest.raises(CheckFailed, match=r"1 of 2 series .*out_of_range 1"):
        convert.run(root)
    assert report()["reasons"] == {"out_of_range": 1}
    assert not (root / "data" / "nifti").exists()


def test_values_out_of_range_set_a_case_aside(root, raw, ramp, as_slices, save_slices):
    hot = type(ramp)(np.full_like(ramp.hu, 5000), ramp.affine)
    save_slices(raw, as_slices(hot))
    with pytest.raises(CheckFailed, match="out_of_range 1"):
        convert.run(root)


def test_a_series_of_nobody_is_set_aside(root, raw, ramp, as_slices, save_slices):
    slices = as_slices(ramp)
    for ds in slices:
        ds.PatientID = ds.StudyInstanceUID = ""
    save_slices(raw, slices)
    with pytest.raises(CheckFailed, match="missing_attribute 1"):
        convert.run(root)


def test_no_folder_no_dicom_and_no_key_are_wrong_use_or_failed_checks(
    root, raw, ramp, as_slices, save_slices, workspace
):
    with pytest.raises(UsageError, match="data/raw/v0 does not exist"):
        convert.run(root)
    raw.mkdir(parents=True)
    with pytest.raises(CheckFailed, match="no CT series in data/raw/v0"):
        convert.run(root)
    save_slices(root / "data" / "raw" / "mine", as_slices(ramp))
    workspace({"data.version": "mine"})
    with pytest.raises(UsageError, match="syda key new"):
        convert.run(root)


def test_the_private_key_names_the_cases_of_real_versions(
    root, ramp, as_slices, save_slices, workspace
):
    save_slices(root / "data" / "raw" / "mine", as_slices(ramp))
    workspace({"data.version": "mine", "convert.select.min_slices": 4})
    (root / ".syda").mkdir()
    names = []
    for digit in "ab":
        (root / ".syda" / "key").write_text(digit * 64)
        convert.run(root)
        names += [file.name for file in nifti.case_files(root / "data" / "nifti")]
    assert len(set(names)) == 2
