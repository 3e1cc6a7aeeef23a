"""A stack's voxels to the regular, orthogonal grid: what tilt, odd gaps and a lost slice need.

Everything is linear interpolation between measured voxels. Slices are interpolated first, along the
line that joins the slices' positions, then sheared back along rows and columns by

    shift = k x step x lean / spacing    voxels, slice k,

so that both steps are exact for HU that are linear in space. A voxel beyond the outermost measured
ones is air: nothing is extrapolated and no edge is mixed with air. Planes come and go one by one: a
leaning stack's grid may have twice its voxels.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from syda.dicom.pixels import AIR_HU
from syda.dicom.stack import Stack
from syda.types import HU, Affine
from syda.volume.geometry import LPS_TO_RAS


def to_grid(planes: Iterable[HU], stack: Stack) -> tuple[HU, Affine]:
    """Bring a stack's voxels to its grid; those of a regular, upright stack stay as they are.

    Args:
        planes: ``[column, row]`` each, at least one, those of the slices of ``stack``.
        stack: where they lie.

    Returns:
        HU ``[column, row, slice]`` in Fortran order and the affine, index to RAS+ mm.
    """
    count = round(stack.places[-1]) + 1
    shears = [
        np.round(np.arange(count) * lean * stack.step / spacing, 6)  # a whole number stays one
        for lean, spacing in zip(stack.lean, stack.plane.spacing, strict=True)
    ]
    lows = [int(np.floor(shear.min())) for shear in shears]
    rooms = [int(np.ceil(shear.max())) - low for shear, low in zip(shears, lows, strict=True)]
    hu = np.empty(0, np.int16)
    for number, plane in enumerate(_regular(planes, stack.places)):
        moved = plane
        for axis, shear in enumerate(shears):
            moved = _shifted(moved, axis, shear[number] - lows[axis], rooms[axis])
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


def _regular(planes: Iterable[HU], places: NDArray[np.float64]) -> Iterator[HU]:
    """Planes at ``places`` (in steps, ascending from 0) to planes at 0, 1, 2, ..."""
    number = 0
    below, height = np.empty(0, np.int16), 0.0
    for place, plane in zip(places, planes, strict=True):
        while number < place:
            share = np.float32((number - height) / (place - height))
            yield _between(below, plane, share)
            number += 1
        if number == place:
            yield plane
            number += 1
        below, height = plane, float(place)


def _shifted(plane: HU, axis: int, shift: float, room: int) -> HU:
    """Shift a plane by 0 to ``room`` voxels along an axis, which grows by ``room``."""
    if room == 0:
        return plane
    source = np.moveaxis(plane, axis, 0)
    size, start, part = len(source), int(np.floor(shift)), np.float32(shift - np.floor(shift))
    target = np.full((size + room, source.shape[1]), AIR_HU, np.int16)
    if part == 0:
        target[start : start + size] = source
    else:
        target[start + 1 : start + size] = _between(source[1:], source[:-1], part)
    return np.moveaxis(target, 0, axis)


def _between(start: HU, end: HU, share: np.float32) -> HU:
    """The voxels at this share of the way from ``start`` to ``end``."""
    first = start.astype(np.float32)
    return np.rint(first + share * (end.astype(np.float32) - first)).astype(np.int16)
