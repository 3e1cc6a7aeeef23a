"""NIfTI scans; tests/shadow/test_command.py holds those of DICOM."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from syda.errors import CheckFailed, CorruptData, UsageError
from syda.params import load
from syda.shadow import scan

ROOT = Path(__file__).parents[2]
AFFINE = np.array([[1.5, 0, 0, -20], [0, 1.5, 0, -30], [0, 0, 1.5, 100], [0, 0, 0, 1]])


@pytest.fixture
def hu():
    """A cylinder of 40 HU in air, with bone on its right side."""
    i, j, _ = np.mgrid[:40, :30, :20]
    hu = np.where((i - 20) ** 2 + (j - 15) ** 2 < 100, 40, -1000).astype(np.int16)
    hu[24:27, 14:17] = 700
    return hu


@pytest.fixture
def read(tmp_path):
    def read(image, name="doe.nii.gz"):
        nib.save(image, tmp_path / name)
        (tmp_path / "scratch").mkdir()
        return scan.read(tmp_path / name, None, tmp_path / "scratch", load(ROOT)).volume

    return read


def in_unit(hu, unit, affine):
    image = nib.Nifti1Image(hu, affine)
    image.header.set_xyzt_units(unit)
    return image


def scaled(factor):
    return np.diag([factor, factor, factor, 1]) @ AFFINE


SOUND = {
    "mm": lambda hu: in_unit(hu, "mm", AFFINE),
    "no unit": lambda hu: in_unit(hu, "unknown", AFFINE),
    "metre": lambda hu: in_unit(hu, "meter", scaled(0.001)),
    "micron": lambda hu: in_unit(hu, "micron", scaled(1000)),
    "four axes of one volume": lambda hu: nib.Nifti1Image(hu[..., None], AFFINE),
    "real numbers": lambda hu: nib.Nifti1Image(hu + np.float32(0.25), AFFINE),
    "from left to right": lambda hu: nib.Nifti1Image(
        hu[::-1], AFFINE @ np.array([[-1, 0, 0, 39], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    ),
}


@pytest.mark.parametrize("what", SOUND)
@pytest.mark.parametrize("name", ["doe.nii", "DOE.NII.GZ"])
def test_a_sound_file_keeps_its_voxels_and_their_positions(read, hu, what, name):
    volume = read(SOUND[what](hu), name)
    np.testing.assert_array_equal(volume.hu, hu)
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)


def test_axes_are_made_exactly_perpendicular(read, hu):
    """The DICOM of a shadow needs right angles; rounding of an sform is no shear."""
    almost = AFFINE.copy()
    almost[0, 1] = 1e-4
    directions = read(nib.Nifti1Image(hu, almost)).affine[:3, :3] / 1.5
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-7)
    assert directions[0, 1] == pytest.approx(1e-4 / 1.5 / 2, rel=1e-3)


def with_nan(hu):
    voxels = hu.astype(np.float32)
    voxels[0, 0, 0] = np.nan
    return nib.Nifti1Image(voxels, AFFINE)


def oblique(hu):
    """Two axes that run nearest to the patient's right."""
    along = np.array([[2, -2, 1], [2, 1, -2], [1, 2, 2]]) / 3
    return nib.Nifti1Image(hu, nib.affines.from_matvec(1.5 * along))


def contradiction(hu):
    image = nib.Nifti1Image(hu, AFFINE)
    image.set_qform(np.diag([-1.0, 1, 1, 1]) @ AFFINE, 1)
    return image


REFUSED = {
    "two volumes": (
        lambda hu: nib.Nifti1Image(np.stack([hu, hu], 3), AFFINE),
        r"doe\.nii\.gz: 40 x 30 x 20 x 2 voxels: one volume",
    ),
    "contradiction": (contradiction, r"doe\.nii\.gz: sform and qform contradict each other"),
    "NaN": (with_nan, "voxels of the NIfTI file are NaN or infinite"),
    "micron of a micro-CT": (
        lambda hu: in_unit(hu, "micron", AFFINE),
        r"a side of the NIfTI file is 0\.03 mm, less than a voxel of 1\.5 mm",
    ),
    "metres without a unit": (
        lambda hu: in_unit(hu, "unknown", scaled(0.001)),
        r"a side of the NIfTI file is 0\.03 mm",
    ),
    "double oblique": (oblique, "resample it first"),
    "no HU": (lambda hu: nib.Nifti1Image(hu * np.float32(40), AFFINE), "is it a CT in HU"),
    "no air": (lambda hu: nib.Nifti1Image(np.abs(hu), AFFINE), "holds no air"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_is_no_scan_is_refused_in_one_line(read, hu, what):
    make, match = REFUSED[what]
    with pytest.raises(CorruptData, match=match) as error:
        read(make(hu))
    assert "\n" not in str(error.value)


def test_a_scan_that_becomes_too_large_is_refused(read, hu):
    with pytest.raises(CheckFailed, match=r"would become 24000 x 30 x 20 voxels of 1\.5 mm"):
        read(nib.Nifti1Image(hu, np.diag([900.0, 1.5, 1.5, 1])))


def test_a_header_without_its_voxels_is_refused(tmp_path, hu):
    nib.save(nib.Nifti1Pair(hu, AFFINE), tmp_path / "doe.hdr")
    with pytest.raises(CorruptData, match=r"doe\.hdr: the header of a pair \.hdr and \.img"):
        scan.read(tmp_path / "doe.hdr", None, tmp_path, load(ROOT))


def test_a_link_to_nothing_is_wrong_use(tmp_path):
    (tmp_path / "doe.nii.gz").symlink_to("nowhere")
    with pytest.raises(UsageError, match="no such file or folder"):
        scan.read(tmp_path / "doe.nii.gz", None, tmp_path, load(ROOT))
