import re
import subprocess

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  (its manual's name for it)

from syda.dicom import synthetic
from syda.dicom.config import Acceptance
from syda.dicom.conversion import convert
from syda.dicom.description import BODY_PARTS, UNPAIRED_BODY_PARTS
from syda.dicom.writer import write_series
from syda.types import Volume
from syda.volume import nifti

SHA256 = "0123456789abcdef" * 4


def describe(**changes):
    texts = {
        "name": "seed 7",
        "weights_sha256": SHA256,
        "derivation": "Drawn by a generator from seed 7. Not for diagnosis.",
        "thickness_mm": 1.5,
        "sex": "F",
        "body_part": "ABDOMEN",
    }
    return synthetic.describe(**{**texts, **changes})


@pytest.fixture(scope="module")
def volume():
    """21 x 18 x 16 voxels of 1.5 mm round the origin, to both ends of the storage."""
    rng = np.random.default_rng(0)
    hu = rng.integers(-1000, 500, (21, 18, 16), dtype=np.int16, endpoint=True)
    hu[0, 0, 0], hu[20, 17, 15] = -1024, 3071
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    affine[:3, 3] = -15.0, -12.75, -11.25
    return Volume(hu, affine)


@pytest.fixture(scope="module")
def series(volume, tmp_path_factory):
    return write_series(tmp_path_factory.mktemp("series"), volume, describe())


@pytest.fixture
def header(series):
    return pydicom.dcmread(series[0])


def test_it_says_that_it_is_synthetic_and_what_made_it(header):
    assert header.SyntheticData == "YES"
    assert list(header.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
    assert header.SeriesDescription == "SYNTHETIC CT ABDOMEN NOT FOR DIAGNOSIS"
    assert header.DerivationDescription == "Drawn by a generator from seed 7. Not for diagnosis."
    (maker,) = header.ContributingEquipmentSequence
    (purpose,) = maker.PurposeOfReferenceCodeSequence
    assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("109100", "DCM")
    assert purpose.CodeMeaning == "Synthesizing Equipment"
    assert SHA256 in maker.ContributionDescription
    assert header.SoftwareVersions == f"weights {SHA256[:16]}"
    assert header.BurnedInAnnotation == "NO"


def test_the_patient_is_plainly_artificial_and_nothing_is_made_up(header):
    assert header.PatientName == "SYNTHETIC^SEED 7"
    assert re.fullmatch(r"SYNTHETIC-[0-9A-F]{12}", header.PatientID)
    assert (header.PatientSex, header.PatientBirthDate) == ("F", "")
    assert (header.StudyDate, header.StudyTime) == ("20000101", "120000")
    assert header.KVP is None
    assert header.RescaleType == "HU"
    assert header.BodyPartExamined == "ABDOMEN"
    for claim in ("PatientIdentityRemoved", "SourceImageSequence", "ContrastBolusAgent"):
        assert claim not in header


def test_weights_and_name_decide_every_uid(volume, tmp_path):
    def uids(folder, **changes):
        keywords = ("SOPInstance", "SeriesInstance", "StudyInstance", "FrameOfReference")
        files = write_series(tmp_path / folder, volume, describe(**changes))
        headers = [pydicom.dcmread(file) for file in files]
        return {header[f"{key}UID"].value for header in headers for key in keywords}

    first = uids("a")
    assert len(first) == volume.hu.shape[2] + 3
    assert uids("b", content="ANOTHER", derivation="Otherwise.", body_part="CHEST") == first
    assert not uids("c", name="seed 8") & first
    assert not uids("d", weights_sha256="f" * 64) & first


def test_same_call_same_bytes(series, volume, tmp_path):
    again = write_series(tmp_path, volume, describe())
    assert [file.read_bytes() for file in series] == [file.read_bytes() for file in again]


def test_long_texts_are_cut_and_keep_their_marks(volume, tmp_path):
    long = describe(name="a name " * 20, content="WORDS " * 20, weights_sha256="e" * 64)
    header = pydicom.dcmread(write_series(tmp_path, volume, long)[0])
    assert header.SeriesDescription.startswith("SYNTHETIC WORDS WORDS")
    assert header.SeriesDescription.endswith(" NOT FOR DIAGNOSIS")
    assert header.PatientName.family_name == "SYNTHETIC"
    limits = {"LO": 64, "SH": 16, "PN": 64, "ST": 1024, "CS": 16, "DS": 16, "IS": 12}
    seen = set()
    for element in header.iterall():
        if element.VR in limits and element.value is not None:
            values = element.value if element.VM > 1 else [element.value]
            assert all(len(str(value)) <= limits[element.VR] for value in values), element.keyword
            seen.add(element.VR)
    assert seen == set(limits)


@pytest.mark.parametrize(
    "changes",
    [{"name": "seed\\7"}, {"content": "CT^ABDOMEN"}, {"name": "Sämling"}, {"derivation": "a\nb"},
     {"name": ""}, {"derivation": "x" * 1025}],
)  # fmt: skip
def test_texts_that_dicom_cannot_hold_are_refused(changes):
    with pytest.raises(ValueError, match="must be"):
        describe(**changes)


def test_another_sex_is_refused():
    with pytest.raises(ValueError, match="sex 'X', must be one of 'F', 'M', 'O', ''"):
        describe(sex="X")


@pytest.mark.parametrize("text", ["JOHN DOE", "abdomen", "PANCRES", ""])
def test_a_body_part_that_is_no_term_is_refused(text):
    with pytest.raises(ValueError, match=r"must be a term of PS3\.16 Annex L"):
        describe(body_part=text)


def test_an_unknown_body_part_is_left_out(volume, tmp_path):
    header = pydicom.dcmread(write_series(tmp_path, volume, describe(body_part=None))[0])
    assert "BodyPartExamined" not in header
    texts = (header.StudyDescription, header.SeriesDescription)
    assert texts == ("SYNTHETIC CT NOT FOR DIAGNOSIS",) * 2


@pytest.mark.parametrize("part", [None, *sorted(BODY_PARTS)])
def test_each_body_part_makes_a_valid_ct_image(volume, tmp_path, part, dicom3tools):
    one = Volume(volume.hu[:, :, :1], volume.affine)
    (file,) = write_series(tmp_path, one, describe(body_part=part, content="SHADOW OF A CT"))
    done = dicom3tools("dciodvfy", file)
    assert done.returncode == 0, done.stderr.decode()
    assert b"Error" not in done.stderr
    assert part not in UNPAIRED_BODY_PARTS or b"Unrecognized" not in done.stderr
    words = ["SYNTHETIC SHADOW OF A CT", *filter(None, [part]), "NOT FOR DIAGNOSIS"]
    assert pydicom.dcmread(file).SeriesDescription == " ".join(words)


def test_this_repository_converts_it_back_exactly(series, volume, tmp_path, convert_params):
    strict = {"max_clamped_share": 0.0, "select.body_parts": ["ABDOMEN"]}
    params = convert_params(strict | {"select.contrast": "without"})
    (outcome,) = convert("uid", series, tmp_path, b"key", *params, Acceptance(synthetic=True))
    assert outcome.reason is None
    assert outcome.irregularities == []
    (path,) = nifti.case_files(tmp_path)
    found = nifti.read(path)
    np.testing.assert_array_equal(found.hu, volume.hu)
    np.testing.assert_array_equal(found.affine, volume.affine)


def test_simpleitk_reads_it_at_the_right_size_right_way_up(series, volume):
    image = sitk.ReadImage([str(file) for file in reversed(series)])  # feet to head
    assert image.GetSize() == volume.hu.shape
    assert image.GetSpacing() == pytest.approx(volume.spacing)
    for index in np.ndindex(3, 3, 3):
        corner = [i * (n - 1) // 2 for i, n in zip(index, volume.hu.shape, strict=True)]
        x, y, z, _ = volume.affine @ [*corner, 1]
        voxel = image.TransformPhysicalPointToIndex((-x, -y, z))  # its world is LPS
        assert image.GetPixel(voxel) == volume.hu[tuple(corner)]


def test_dcm2niix_reads_it_at_the_right_size_right_way_up(series, volume, tmp_path):
    import dcm2niix

    subprocess.run(
        [dcm2niix.bin, "-z", "n", "-b", "n", "-o", tmp_path, "-f", "out", series[0].parent],
        check=True,
        capture_output=True,
    )
    image = sitk.ReadImage(str(tmp_path / "out.nii"))
    assert image.GetSize() == volume.hu.shape
    assert image.GetSpacing() == pytest.approx(volume.spacing, abs=1e-4)
    for corner in np.ndindex(*volume.hu.shape):
        x, y, z, _ = volume.affine @ [*corner, 1]
        voxel = image.TransformPhysicalPointToIndex((-x, -y, z))
        assert image.GetPixel(voxel) == volume.hu[corner]


def test_every_slice_is_a_valid_ct_image(series, dicom3tools):
    for file in series:
        done = dicom3tools("dciodvfy", file)
        assert done.returncode == 0, done.stderr.decode()
        assert b"Error" not in done.stderr


def test_the_slices_agree_on_patient_study_and_series(series, dicom3tools):
    done = dicom3tools("dcentvfy", *series)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
