"""NIfTI-1 files of int16 HU: written with stable bytes, read without a change to a voxel."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.filebasedimages import ImageFileError
from nibabel.wrapstruct import WrapStructError

from syda.errors import CorruptData
from syda.types import Volume

SUFFIX = ".nii.gz"
SCANNER_ANAT = 1
"""NIfTI-1 xform code: the affine leads to the scanner's coordinates."""
_UNREADABLE = (ImageFileError, WrapStructError, EOFError, OSError, ValueError, zlib.error)
"""What gzip and nibabel make of other bytes."""


def write(path: Path, volume: Volume, description: str = "") -> None:
    """Write int16 HU with sform and qform, gzip level 1, through a temporary name.

    Level 6 costs six times the CPU for the same size on noisy CT; Huffman codes alone save a
    quarter of level 1's and make a scan a quarter larger. nibabel writes no time stamp, so the same
    volume gives the same bytes.

    Args:
        path: ends in ``.nii.gz``.
        volume: ``[i, j, k]`` int16 HU; the affine has no shear (a qform must hold it).
        description: of the header (``descrip``, at most 79 bytes); it says so if the volume is
            synthetic.
    """
    image = nib.Nifti1Image(np.asarray(volume.hu, dtype=np.int16), volume.affine)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description
    image.set_sform(volume.affine, SCANNER_ANAT)
    image.set_qform(volume.affine, SCANNER_ANAT, strip_shears=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".partial.{path.name}")
    try:
        nib.save(image, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> Volume:
    """Read a volume that :func:`write` wrote.

    Raises:
        CorruptData: not a NIfTI file, truncated, or not three-dimensional int16.
    """
    with _readable(path):  # unpacked in one piece: nibabel's stream takes twice the time
        image = nib.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
        voxels = np.asarray(image.dataobj)
    if voxels.ndim != 3 or voxels.dtype != np.int16:
        raise CorruptData(
            f"{path.name}: {voxels.ndim}-D {voxels.dtype}, expected 3-D int16 HU of this pipeline"
        )
    return Volume(voxels, np.asarray(image.affine, dtype=np.float64))


def read_header(path: Path) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Read the shape in voxels and the voxel size along each axis in mm, and no voxel.

    Raises:
        CorruptData: not a NIfTI file.
    """
    with _readable(path):
        image = nib.load(path)
        return image.shape, tuple(map(float, voxel_sizes(image.affine)))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise CorruptData(f"{path.name}: not a readable NIfTI file ({error})") from error


def case_files(folder: Path) -> list[Path]:
    """The folder's ``.nii.gz`` files in the order of their names."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def case_name(path: Path) -> str:
    """File name without ``.nii.gz``."""
    return path.name.removesuffix(SUFFIX)
