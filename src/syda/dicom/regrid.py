"""A stack's voxels to the regular, orthogonal grid: what tilt, odd gaps and a lost slice need.

Everything is linear interpolation between measured voxels. Slices are interpolated first, along the
line that joins the slices' positions, then sheared back along rows and columns by

    shift = k x step x lean / spacing    voxels, slice k,

so that both steps are exact for HU that are linear in space. A voxel beyond the outermost measured
ones is air: nothing is extrapolated and no edge is mixed with air.
"""

import numpy as np
from numpy.typing import NDArray

from syda.dicom.pixels import AIR_HU
from syda.dicom.stack import Stack
from syda.types import HU, Affine
from syda.volume.geometry import LPS_TO_RAS


def to_grid(hu: HU, stack: Stack) -> tuple[HU, Affine]:
    """Bring a stack's voxels to its grid; a regular, upright stack comes back as it is.

    Args:
        hu: ``[column, row, slice]``, the slices of ``stack``.
        stack: where they lie.

    Returns:
        HU ``[column, row, slice]`` and the affine, index to RAS+ mm.
    """
    if not np.array_equal(stack.places, np.arange(len(stack.places))):
        hu = _regular(hu, stack.places)
    first = [0, 0]
    for axis, lean in enumerate(stack.lean):
        if lean:
            hu, first[axis] = _upright(hu, axis, lean * stack.step / stack.plane.spacing[axis])
    columns = np.column_stack(
        [
            stack.plane.row * stack.plane.spacing[0],
            stack.plane.column * stack.plane.spacing[1],
            stack.plane.normal * stack.step,
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = columns
    affine[:3, 3] = stack.origin + columns[:, :2] @ first
    return hu, LPS_TO_RAS @ affine


def _regular(hu: HU, places: NDArray[np.float64]) -> HU:
    """Slices at ``places`` (in steps, ascending from 0) to slices at 0, 1, 2, ..."""
    count = round(places[-1]) + 1
    out = np.empty((*hu.shape[:2], count), np.int16, order="F")
    for number in range(count):
        above = int(np.searchsorted(places, number))
        if places[above] == number:
            out[:, :, number] = hu[:, :, above]
            continue
        share = np.float32((number - places[above - 1]) / (places[above] - places[above - 1]))
        out[:, :, number] = _between(hu[:, :, above - 1], hu[:, :, above], share)
    return out


def _upright(hu: HU, axis: int, lean: float) -> tuple[HU, int]:
    """Shift slice k by ``k x lean`` voxels along an axis.

    Returns:
        The voxels, and the index of the first one on the old grid's axis (0 or negative).
    """
    size, slices = hu.shape[axis], hu.shape[2]
    shifts = np.round(np.arange(slices) * lean, 6)  # a whole number of voxels stays one
    low, high = int(np.floor(shifts.min())), int(np.ceil(shifts.max()))
    shape = list(hu.shape)
    shape[axis] = size + high - low
    out = np.full(shape, AIR_HU, np.int16, order="F")
    for number, shift in enumerate(shifts):
        source = np.moveaxis(hu[:, :, number], axis, 0)
        target = np.moveaxis(out[:, :, number], axis, 0)
        start, part = int(np.floor(shift)) - low, np.float32(shift - np.floor(shift))
        if part == 0:
            target[start : start + size] = source
        else:
            target[start + 1 : start + size] = _between(source[1:], source[:-1], part)
    return out, low


def _between(start: HU, end: HU, share: np.float32) -> HU:
    """The voxels at this share of the way from ``start`` to ``end``."""
    first = start.astype(np.float32)
    return np.rint(first + share * (end.astype(np.float32) - first)).astype(np.int16)
