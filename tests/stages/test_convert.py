import json
import shutil

import numpy as np
import pytest

from syda.dicom import conversion, intake
from syda.dicom.reject import Reason
from syda.errors import CheckFailed, UsageError
from syda.types import Volume


def test_series_are_grouped_by_uid_whatever_the_folders(scans):
    one, two = scans.series(3), scans.series(4, PatientID="patient-2")
    scans.add("a/b", one[:4] + two[4:])
    scans.add("c", two[:4] + one[4:])
    (scans.raw / "notes.txt").write_text("no DICOM")
    report = scans.run()

    cases, expected = scans.cases(), [scans.scan(3), scans.scan(4)]
    assert scans.case_ids() == [case["case"] for case in cases]
    assert len({case["patient"] for case in cases}) == len(cases) == 2
    for case in sorted(cases, key=lambda c: int(scans.volume(c["case"]).hu.max())):
        volume = scans.volume(case["case"])
        np.testing.assert_array_equal(volume.hu, expected.pop(0).hu)
        np.testing.assert_allclose(volume.affine, scans.ramp.affine, atol=1e-6)
        assert case["attributes"]["sex"] == "F"
    assert report["converted"] == 2
    assert report["files_ignored"] == {"not_dicom": 1}
    assert report["sex"] == {"F": "not told"}


def test_which_copy_is_used_does_not_depend_on_file_names(scans):
    """Two exports of one series, the same SOPInstanceUIDs and pixels, other headers."""
    every = scans.series() + scans.series(PatientAge="081Y", KVP=80, SliceThickness=2.5)
    found = []
    for seed in range(6):
        shutil.rmtree(scans.raw, ignore_errors=True)
        shutil.rmtree(scans.root / ".work", ignore_errors=True)
        scans.add("", [every[i] for i in np.random.default_rng(seed).permutation(len(every))])
        scans.run()
        found += scans.cases()
    assert found[0]["source"]["irregularities"] == ["copies_dropped"]
    assert found == found[:1] * 6


def test_a_faulty_series_is_rejected_with_a_reason(scans):
    for number in range(4):
        scans.add(f"good{number}", scans.series(number))
    gap = scans.series(99)
    scans.add("gap", gap[:3] + gap[4:])
    report = scans.run()
    assert report["converted"] == 4
    assert report["reasons"] == {"missing_slices": 1}
    assert [entry["reason"] for entry in report["rejected"]] == ["missing_slices"]
    assert "1.2.99" not in json.dumps(report)


def test_what_was_corrected_is_listed_with_the_case_and_counted(scans):
    tilted, uneven, copied = (scans.series(number) for number in (1, 2, 3))
    for k, ds in enumerate(tilted):
        x, y, z = ds.ImagePositionPatient
        ds.ImagePositionPatient = [x, y + k * 5 * np.tan(np.radians(15)), z]
    uneven[3].ImagePositionPatient = [*uneven[3].ImagePositionPatient[:2], 36]
    slices = {"tilted": tilted, "uneven": uneven, "copied": [*copied, copied[2]]}
    for name, series in (slices | {"plain": scans.series(4)}).items():
        scans.add(name, series)
    report = scans.run()
    sources = {tuple(c["source"]["irregularities"]): c["source"] for c in scans.cases()}
    assert set(sources) == {("gantry_tilt",), ("irregular_spacing",), ("copies_dropped",), ()}
    assert sources["gantry_tilt",]["gantry_tilt_degrees"] == 15
    assert sources["gantry_tilt",]["shape"] == [12, 10 + 7, 8]  # 9.38 mm of drift, rows of 1.5 mm
    assert sources["copies_dropped",] == sources[()] | {"irregularities": ["copies_dropped"]}
    expected = ("gantry_tilt", "irregular_spacing", "copies_dropped")
    assert report["irregularities"] == dict.fromkeys(expected, "not told")


def test_acquisitions_become_cases_whose_ids_do_not_depend_on_each_other(scans):
    for number in (1, 2, 3, 4):
        volume = Volume(scans.ramp.hu + np.int16(number), scans.ramp.affine)
        slices = scans.series(volume=volume, AcquisitionNumber=number)
        scans.add(f"{number}", slices[:2] if number == 4 else slices)
    report = scans.run()
    three = {*scans.case_ids()}
    assert len(three) == report["converted"] == 3
    assert report["reasons"] == {}
    assert [entry["reason"] for entry in scans.excluded()] == ["too_few_slices"]  # the fourth
    assert len({case["patient"] for case in scans.cases()}) == 1
    assert scans.noted("irregularities") == [["several_acquisitions"]] * 3
    for number in (2, 4):
        shutil.rmtree(scans.raw / f"{number}")
    scans.run()
    assert len(scans.case_ids()) == 2
    assert {*scans.case_ids()} < three


def test_one_missing_slice_is_filled_if_the_parameter_allows_it(scans):
    slices = scans.series()
    scans.add("", slices[:3] + slices[4:])
    with pytest.raises(CheckFailed, match="missing_slices 1"):
        scans.run()
    scans.run({"fill_one_missing_slice": True})
    (case,) = scans.cases()
    assert case["source"]["irregularities"] == ["missing_slice_filled"]
    assert case["source"]["slices"] == 7
    assert case["attributes"]["scan_length_mm"] == 40
    assert np.abs(scans.volume(case["case"]).hu - scans.ramp.hu.astype(int)).max() <= 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of what pydicom says to damaged files
@pytest.mark.parametrize("seed", range(3))
def test_damage_of_any_byte_is_a_reason_never_a_crash(scans, convert_params, seed):
    """Cut files and changed bytes, most of them in the header: a case or a reason comes out."""
    files = sorted(scans.add("").iterdir())
    whole = [file.read_bytes() for file in files]
    random, params = np.random.default_rng(seed), convert_params()
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
        groups, ignored = intake.group_by_series(intake.list_files(scans.raw))
        outcomes = [
            outcome
            for uid, found in groups.items()
            for outcome in conversion.convert(uid, found, scans.root / "out", b"key", *params)
        ]
        assert sum(map(len, groups.values())) + ignored.total() == len(files)
        assert all((o.attributes is None) != (o.reason is None) for o in outcomes)
        reasons |= {o.reason for o in outcomes}
        files[number].write_bytes(whole[number])
    assert {None, Reason.UNDECODABLE_PIXELS, Reason.MISSING_ATTRIBUTE} <= reasons


def test_too_many_faults_stop_the_stage_and_leave_no_data(scans):
    scans.add("good", scans.series(1))
    hot = scans.scan(2)
    hot.hu[:2] = 5000
    scans.add("hot", scans.series(2, hot))
    with pytest.raises(CheckFailed, match=r"1 of 2 .*\(out_of_range 1\); .* allows 0\.25"):
        scans.run()
    assert scans.report()["reasons"] == {"out_of_range": 1}
    assert not scans.nifti.exists()


def test_a_series_without_patient_and_study_is_rejected(scans):
    scans.add("", scans.series(PatientID="", StudyInstanceUID=""))
    with pytest.raises(CheckFailed, match="missing_attribute 1"):
        scans.run()


def test_no_folder_no_dicom_and_no_key_are_wrong_use_or_failed_checks(scans):
    with pytest.raises(UsageError, match="data/raw/v0 does not exist"):
        scans.run()
    scans.raw.mkdir(parents=True)
    with pytest.raises(CheckFailed, match="no CT series in data/raw/v0"):
        scans.run()
    scans.add("../mine")
    with pytest.raises(UsageError, match="syda key new"):
        scans.run({"data.version": "mine"})
