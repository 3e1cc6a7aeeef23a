import numpy as np
import pydicom
import pytest

from syda.phantom import cohort
from syda.phantom.organs import liver_centre
from syda.phantom.subject import sample_subject
from syda.runtime.digest import digest_path

SEED = 20261122
GOLDEN = "807d6af4fcbf572c35e94731a62d27dcfc4c4633426c97f37f362d6ea92b5f1e"
"""sha256 of the first patient's series at the default seed."""


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """One patient of the first scanner, and of the second one in each position."""
    folder = tmp_path_factory.mktemp("cohort")
    chosen = [cohort.Member(SEED, "base", 0)] + [
        cohort.Member(SEED, "added", n) for n in (0, 1, 3, 7)
    ]
    for member in chosen:
        cohort.write_member(member, folder)
    return {member: sorted((folder / member.name).rglob("*.dcm")) for member in chosen}


def hu_at(files, point):
    """Median HU of 3 x 3 pixels at a point (RAS+, mm), by the standard's equation C.7.6.2.1-1."""
    slices = [pydicom.dcmread(file) for file in files]
    target = np.array(point) * (-1, -1, 1)

    def normal_distance(image):
        row, column = np.reshape(image.ImageOrientationPatient, (2, 3)).astype(float)
        return abs(np.cross(row, column) @ (target - np.array(image.ImagePositionPatient)))

    image = min(slices, key=normal_distance)
    row, column = np.reshape(image.ImageOrientationPatient, (2, 3)).astype(float)
    offset = target - np.array(image.ImagePositionPatient)
    down, right = image.PixelSpacing
    i, j = round(column @ offset / down), round(row @ offset / right)
    stored = image.pixel_array[i - 1 : i + 2, j - 1 : j + 2]
    return float(np.median(stored * image.RescaleSlope + image.RescaleIntercept))


def test_positions_of_the_second_scanner():
    positions = cohort.SCANNERS["added"].positions
    assert {"HFS", "FFS", "HFP", "FFP"} <= set(positions)
    assert cohort.SCANNERS["base"].positions == ("HFS",)


def test_liver_is_on_the_patients_right_in_every_position(series):
    seen = set()
    for member, files in series.items():
        position = pydicom.dcmread(files[0], stop_before_pixels=True).PatientPosition
        subject = sample_subject(member.generator(), position)
        x, y, z = liver_centre(subject)
        assert hu_at(files, (x, y, z)) == pytest.approx(subject.tissue.liver, abs=30)
        assert hu_at(files, (-x, y, z + 25)) < subject.tissue.liver + 30
        assert hu_at(files, (0, subject.spine_at(z), z)) > 70
        seen.add(position)
    assert seen == {"HFS", "FFS", "HFP", "FFP"}


def test_names_are_plainly_artificial(series):
    for member, files in series.items():
        header = pydicom.dcmread(files[0], stop_before_pixels=True)
        assert str(header.PatientName) == f"PHANTOM^{member.name.upper()}"
        assert header.SyntheticData == "YES"
        assert header.PatientBirthDate == ""
        assert header.BodyPartExamined == "ABDOMEN"
        assert "ContrastBolusAgent" not in header


def test_the_second_scanner_is_another_one(series):
    base, added = (
        pydicom.dcmread(files[0], stop_before_pixels=True) for files in list(series.values())[:2]
    )
    for keyword in (
        "Manufacturer",
        "ManufacturerModelName",
        "ConvolutionKernel",
        "Rows",
        "PixelSpacing",
        "SliceThickness",
        "PixelRepresentation",
        "RescaleIntercept",
    ):
        assert base[keyword].value != added[keyword].value, keyword


def test_slice_counts(series):
    for files in series.values():
        assert 40 <= len(files) <= 48


def test_patients_differ_and_a_patient_repeats(series, tmp_path):
    first, second = (cohort.Member(SEED, "added", n) for n in (0, 1))
    cohort.write_member(first, tmp_path)
    again = sorted((tmp_path / first.name).rglob("*.dcm"))
    assert [f.read_bytes() for f in again] == [f.read_bytes() for f in series[first]]
    a, b = (pydicom.dcmread(series[m][20]).pixel_array for m in (first, second))
    assert (a != b).mean() > 0.2


def test_seeds_make_other_patients():
    a, b = (sample_subject(cohort.Member(seed, "base", 0).generator(), "HFS") for seed in (1, 2))
    assert a != b


def test_golden(series):
    """The promise is for one machine and library set; elsewhere a tie may round differently."""
    first = cohort.Member(SEED, "base", 0)
    assert digest_path(series[first][0].parent)["sha256"] == GOLDEN


def test_every_slice_is_a_valid_ct_image(series, dicom3tools):
    for files in series.values():
        for file in files:
            done = dicom3tools("dciodvfy", file)
            assert done.returncode == 0, done.stderr.decode()


def test_every_series_is_consistent(series, dicom3tools):
    for files in series.values():
        done = dicom3tools("dcentvfy", *files)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
