"""One CT slice, with its header and pixels, and the plane that slices share.

Source: DICOM PS3.3 C.7.6.2 (Image Plane Module: position, orientation and pixel spacing).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from syda.dicom import header
from syda.dicom.reject import InputRejected, Reason

SAME_PLANE_VOXELS = 0.25
"""Two slices have one plane if no voxel of them is farther apart than this, in voxels. It is
below what an image can show, and above what couches and decimal rounding do."""

SAME_PLANE_SHARE = 1e-3
"""Largest difference of a spacing, as a share of it, and of a direction cosine in small images."""

DECIMAL_ROUNDING = 1e-4
"""Difference of spacings (mm) and of direction cosines that is always taken for rounding."""

POSSIBLE_SPACING_MM = (0.01, 10.0)
"""Range of the pixel spacing in CT. Other values are damage and would fill the memory."""

ORTHONORMAL_TOLERANCE = 1e-2
"""Largest deviation of direction cosines from unit length and from a right angle."""

PLANE_TAGS = [
    Tag(keyword) for keyword in ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient")
]
"""Attributes that the slices of a stack share."""


@dataclass(frozen=True)
class CTSlice:
    """A slice of a series: a file, or a frame of one.

    Attributes:
        header: attributes of the slice. Those of a frame include its functional groups, flattened.
        source: data set that holds the pixels. It is the header itself unless this is a frame.
        frame: index of the frame in ``source``.
    """

    header: Dataset
    source: Dataset
    frame: int = 0


@dataclass(frozen=True)
class Plane:
    """Orientation and spacing that all slices of a stack share.

    Attributes:
        row: unit vector along which the column index grows, LPS.
        column: unit vector along which the row index grows, LPS, at a right angle to ``row``.
        spacing: distance between columns, and between rows, mm.
    """

    row: NDArray[np.float64]
    column: NDArray[np.float64]
    spacing: tuple[float, float]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector along which slices are counted, LPS."""
        return np.cross(self.row, self.column)


def common_plane(slices: Sequence[CTSlice]) -> Plane:
    """Return the orientation and spacing of slices. Check that all slices share them.

    Args:
        slices: at least one slice.

    Raises:
        InputRejected: size, spacing or orientation is missing, impossible, or differs between
            slices.
    """
    others = {header.unparsed(one.header, PLANE_TAGS): one for one in slices}
    slices = [slices[0], *others.values()]  # each plane once, however many slices it has
    sizes = np.hstack([_same(slices, "Rows", 1, 0), _same(slices, "Columns", 1, 0)])
    share = min(SAME_PLANE_SHARE, SAME_PLANE_VOXELS / max(sizes.max(), 1))
    between_rows, between_columns = _same(slices, "PixelSpacing", 2, share)
    low, high = POSSIBLE_SPACING_MM
    if not (low <= between_rows <= high and low <= between_columns <= high):
        raise InputRejected(Reason.MIXED_GEOMETRY, f"PixelSpacing is not within {low} to {high} mm")
    orientation = _same(slices, "ImageOrientationPatient", 6, share)
    row, column = orientation[:3], orientation[3:]
    lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
    if max(np.abs(lengths - 1).max(), abs(row @ column)) > ORTHONORMAL_TOLERANCE:
        raise InputRejected(Reason.MIXED_GEOMETRY, "ImageOrientationPatient is not orthonormal")
    row = row / lengths[0]
    normal = np.cross(row, column)
    normal /= np.linalg.norm(normal)
    return Plane(row, np.cross(normal, row), (float(between_columns), float(between_rows)))


def positions(slices: Sequence[CTSlice]) -> NDArray[np.float64]:
    """Return the centre of the first voxel of each slice, ``[slice, 3]`` LPS mm.

    Raises:
        InputRejected: ImagePositionPatient is missing or no position.
    """
    return np.array([header.numbers(s.header, "ImagePositionPatient", 3) for s in slices])


def _same(slices: Sequence[CTSlice], keyword: str, count: int, share: float) -> NDArray[np.float64]:
    """Return the values of the first slice. Check that the others deviate by no more than a share.

    A share of a spacing is a share of its value. That of a direction cosine is one of a unit.
    """
    values = np.array([header.numbers(s.header, keyword, count) for s in slices])
    first = values[0]
    scale = first.max() if keyword == "PixelSpacing" else 1.0
    tolerance = max(share * scale, DECIMAL_ROUNDING) if share else 0.0
    if np.abs(values - first).max() > tolerance:
        raise InputRejected(Reason.MIXED_GEOMETRY, keyword)
    return np.asarray(first)
