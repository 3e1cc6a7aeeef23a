import json

import numpy as np
import pytest

from syda.errors import CheckFailed, UsageError
from syda.runtime import manifest
from syda.stages import convert
from syda.volume import nifti


@pytest.fixture
def root(workspace):
    return workspace({"data.version": "v0", "convert.select.min_slices": 4})


@pytest.fixture
def raw(root):
    return root / "data" / "raw" / "v0"


def report(root):
    return json.loads((root / "reports" / "convert.json").read_text())


def test_series_are_grouped_by_uid_whatever_the_folders(root, raw, ramp, as_slices, save_slices):
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
    assert report(root)["converted"] == 2
    assert report(root)["files_ignored"] == {"not_dicom": 1}
    assert report(root)["sex"] == {"F": "not told"}


def test_same_scans_same_bytes(root, raw, ramp, as_slices, save_slices):
    save_slices(raw, as_slices(ramp))
    convert.run(root)
    first = {p: manifest.digest_file(p) for p in sorted((root / "data" / "nifti").iterdir())}
    first |= {p: manifest.digest_file(p) for p in sorted((root / "reports").rglob("*.json"))}
    convert.run(root)
    assert all(manifest.digest_file(p) == digest for p, digest in first.items())


def test_faulty_series_are_set_aside_with_a_reason(root, raw, ramp, as_slices, save_slices):
    for number in range(4):
        save_slices(raw / f"good{number}", as_slices(ramp, f"1.2.{number + 10}"))
    gap = as_slices(ramp, "1.2.99")
    save_slices(raw / "gap", gap[:3] + gap[4:])
    convert.run(root)
    found = report(root)
    assert found["converted"] == 4
    assert found["reasons"] == {"irregular_spacing": 1}
    (aside,) = found["set_aside"]
    assert aside["reason"] == "irregular_spacing"
    assert "1.2.99" not in json.dumps(found)


def test_too_many_faults_stop_the_stage_and_leave_no_data(root, raw, ramp, as_slices, save_slices):
    save_slices(raw / "good", as_slices(ramp, "1.2.1"))
    hot = type(ramp)(np.full_like(ramp.hu, 5000), ramp.affine)
    save_slices(raw / "hot", as_slices(hot, "1.2.2"))
    with pytest.raises(CheckFailed, match=r"1 of 2 series .*out_of_range 1"):
        convert.run(root)
    assert report(root)["reasons"] == {"out_of_range": 1}
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
