"""Files to series, and a series' slices in order with their exact affine.

Source: DICOM PS3.3 C.7.6.2.1.1 (image position and orientation), C.8.2.1 (CT image). Neither file
names, folders, InstanceNumber nor SliceThickness are trusted: positions decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import CTImageStorage

from syda.dicom.reject import Reason, SetAside
from syda.types import Affine
from syda.volume.geometry import LPS_TO_RAS

ORIENTATION_TOLERANCE = 1e-4
"""Direction cosines of two slices may differ by this much (they are stored as decimal text)."""

SPACING_TOLERANCE_MM = 1e-4
"""Pixel spacings of two slices may differ by this much."""

POSITION_TOLERANCE_MM = 0.05
POSITION_TOLERANCE_SHARE = 0.02
"""A slice may lie this far, or this share of the step, from its place on the regular grid:
positions rounded to two decimals pass, a missing slice does not."""

DRIFT_TOLERANCE_MM = 0.05
"""The last slice may lie this far beside the first one's normal; more is a gantry tilt."""

# pydicom's warnings about odd values quote the header, and headers hold names.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_INDEX_TAGS = ["SOPClassUID", "SeriesInstanceUID", "ImageType"]


@dataclass(frozen=True)
class Ordered:
    """A series' slices from first to last along the slice normal.

    Attributes:
        slices: full data sets.
        affine: ``[4, 4]``, index ``[column, row, slice]`` to RAS+ mm.
    """

    slices: list[Dataset]
    affine: Affine


def series_uid(path: Path) -> str:
    """Return the SeriesInstanceUID of a CT slice file.

    Raises:
        SetAside: not DICOM, not CT Image Storage, or a localizer.
    """
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_INDEX_TAGS)
    except (InvalidDicomError, EOFError, AttributeError, ValueError, OSError) as error:
        raise SetAside(Reason.NOT_DICOM, type(error).__name__) from error
    if header.get("SOPClassUID") != CTImageStorage:
        raise SetAside(Reason.NOT_CT_IMAGE)
    if "LOCALIZER" in (header.get("ImageType") or ()):
        raise SetAside(Reason.LOCALIZER)
    uid = header.get("SeriesInstanceUID")
    if not uid:
        raise SetAside(Reason.MISSING_ATTRIBUTE, "SeriesInstanceUID")
    return str(uid)


def read_slices(files: Sequence[Path]) -> list[Dataset]:
    """Read whole slice files.

    Raises:
        SetAside: a file cannot be read to its end.
    """
    try:
        return [pydicom.dcmread(file) for file in files]
    except (InvalidDicomError, EOFError, AttributeError, ValueError, OSError) as error:
        raise SetAside(Reason.UNDECODABLE_PIXELS, type(error).__name__) from error


def order(slices: Sequence[Dataset], min_slices: int) -> Ordered:
    """Sort slices along their normal and prove that they lie on a regular, upright grid.

    Args:
        slices: of one SeriesInstanceUID, in any order.
        min_slices: fewer are set aside.

    Raises:
        SetAside: too few slices, or the geometry is not that of a plain axial stack.
    """
    if len(slices) < min_slices:
        raise SetAside(Reason.TOO_FEW_SLICES, f"{len(slices)} of at least {min_slices}")
    orientation = _common(slices, "ImageOrientationPatient", 6, ORIENTATION_TOLERANCE)
    spacing = _common(slices, "PixelSpacing", 2, SPACING_TOLERANCE_MM)
    _common(slices, "Rows", 1, 0)
    _common(slices, "Columns", 1, 0)
    row, normal = _directions(orientation)
    positions = np.array([_numbers(s, "ImagePositionPatient", 3) for s in slices])
    along = np.argsort(positions @ normal, kind="stable")
    step = _regular_step(positions[along], normal)

    affine = np.eye(4)
    affine[:3, 0] = row * spacing[1]  # PixelSpacing: row spacing, then column spacing
    affine[:3, 1] = np.cross(normal, row) * spacing[0]
    affine[:3, 2] = normal * step
    affine[:3, 3] = positions[along[0]]
    return Ordered([slices[i] for i in along], LPS_TO_RAS @ affine)


def _numbers(dataset: Dataset, keyword: str, count: int) -> NDArray[np.float64]:
    value: Any = dataset.get(keyword)
    try:
        numbers = np.atleast_1d(np.array(value, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise SetAside(Reason.MISSING_ATTRIBUTE, keyword) from error
    if value is None or numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise SetAside(Reason.MISSING_ATTRIBUTE, keyword)
    return numbers


def _common(
    slices: Sequence[Dataset], keyword: str, count: int, tolerance: float
) -> NDArray[np.float64]:
    values = np.array([_numbers(s, keyword, count) for s in slices])
    if np.ptp(values, axis=0).max() > tolerance:
        raise SetAside(Reason.MIXED_GEOMETRY, keyword)
    return np.asarray(values[0])


def _directions(
    orientation: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit row direction and slice normal of ImageOrientationPatient."""
    row, column = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(length - 1) for length in lengths) > 1e-2 or abs(row @ column) > 1e-2:
        raise SetAside(Reason.MIXED_GEOMETRY, "ImageOrientationPatient is not orthonormal")
    row = row / lengths[0]
    normal = np.cross(row, column)
    return row, normal / np.linalg.norm(normal)


def _regular_step(positions: NDArray[np.float64], normal: NDArray[np.float64]) -> float:
    """Distance between slices in mm, after proof that it is the same everywhere."""
    offsets = positions - positions[0]
    heights = offsets @ normal
    gaps = np.diff(heights)
    if gaps.min() < POSITION_TOLERANCE_MM:
        raise SetAside(Reason.DUPLICATE_SLICES, f"{int((gaps < POSITION_TOLERANCE_MM).sum())}")
    step = float(heights[-1] / len(gaps))
    drift = float(np.linalg.norm(offsets[-1] - heights[-1] * normal))
    if drift > DRIFT_TOLERANCE_MM:
        angle = np.degrees(np.arctan2(drift, heights[-1]))
        raise SetAside(Reason.GANTRY_TILT, f"{angle:.1f} degrees")
    regular = np.outer(np.arange(len(positions)) * step, normal)
    residual = float(np.linalg.norm(offsets - regular, axis=1).max())
    if residual > max(POSITION_TOLERANCE_MM, POSITION_TOLERANCE_SHARE * step):
        raise SetAside(Reason.IRREGULAR_SPACING, f"gaps {gaps.min():.2f} to {gaps.max():.2f} mm")
    return step
