"""Resample a stack to its regular, orthogonal grid: for gantry tilt, uneven gaps, a missing slice.

All values are linear interpolations between measured voxels. Slices are interpolated first, along
the line through the positions of the slices. Then each is shifted back along rows and columns by

    shift = k x step x shear / spacing    voxels, slice k.

Both steps are exact for HU that are linear in space. A voxel beyond the outermost measured voxels
is air: nothing is extrapolated, and no edge is mixed with air. Planes are processed one by one,
because the grid of a tilted stack may have twice its voxels.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from syda.dicom.pixels import AIR_HU
from syda.dicom.stack import Stack
from syda.types import HU, Affine
from syda.volume.geometry import LPS_TO_RAS


def to_grid(planes: Iterable[HU], stack: Stack) -> tuple[HU, Affine]:
    """Resample the voxels of a stack to its grid. Those of a regular, upright stack do not change.

    Args:
        planes: planes ``[column, row]`` of the slices of ``stack``, at least one.
        stack: geometry of the slices.

    Returns:
        HU ``[column, row, slice]`` in Fortran order and the affine, index to RAS+ mm.
    """
    count = round(stack.grid_positions[-1]) + 1
    shifts = [
        np.round(np.arange(count) * shear * stack.step / spacing, 6)  # a whole number stays one
        for shear, spacing in zip(stack.shear, stack.plane.spacing, strict=True)
    ]
    lows = [int(np.floor(shift.min())) for shift in shifts]
    margins = [int(np.ceil(shift.max())) - low for shift, low in zip(shifts, lows, strict=True)]
    hu = np.empty(0, np.int16)
    for number, plane in enumerate(_regular(planes, stack.grid_positions)):
        moved = plane
        for axis, shift in enumerate(shifts):
            moved = _shifted(moved, axis, shift[number] - lows[axis], margins[axis])
        if number == 0:  # a size that only the header claims takes no memory
            hu = np.empty((*moved.shape, count), np.int16, order="F")
        hu[:, :, number] = moved
    columns = np.column_stack(
        [
            stack.plane.row * stack.plane.spacing[0],
            stack.plane.column * stack.plane.spacing[1],
            stack.plane.normal * stack.step,
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = columns
    affine[:3, 3] = stack.origin + columns[:, :2] @ lows
    return hu, LPS_TO_RAS @ affine


def _regular(planes: Iterable[HU], positions: NDArray[np.float64]) -> Iterator[HU]:
    """Interpolate planes at ``positions`` (in steps, ascending from 0) to planes at 0, 1, 2, ..."""
    number = 0
    below, start = np.empty(0, np.int16), 0.0
    for position, plane in zip(positions, planes, strict=True):
        while number < position:
            share = np.float32((number - start) / (position - start))
            yield _between(below, plane, share)
            number += 1
        if number == position:
            yield plane
            number += 1
        below, start = plane, float(position)


def _shifted(plane: HU, axis: int, shift: float, margin: int) -> HU:
    """Shift a plane by 0 to ``margin`` voxels along an axis, which grows by ``margin``."""
    if margin == 0:
        return plane
    source = np.moveaxis(plane, axis, 0)
    size, start, part = len(source), int(np.floor(shift)), np.float32(shift - np.floor(shift))
    target = np.full((size + margin, source.shape[1]), AIR_HU, np.int16)
    if part == 0:
        target[start : start + size] = source
    else:
        target[start + 1 : start + size] = _between(source[1:], source[:-1], part)
    return np.moveaxis(target, 0, axis)


def _between(start: HU, end: HU, share: np.float32) -> HU:
    """Return the voxels at this share of the way from ``start`` to ``end``."""
    first = start.astype(np.float32)
    return np.rint(first + share * (end.astype(np.float32) - first)).astype(np.int16)
