"""Slices at the ends of a body that are filled only in part.

A scan begins and ends with a whole slice. A generator has no plane to cut with: where the length of
the body is no whole number of voxels, it fills an end slice in part.
"""

import numpy as np
from numpy.typing import NDArray

from syda.types import HU
from syda.volume.body import TISSUE_ABOVE_HU, Mask, filled, largest_piece

MIN_AREA = 0.9
"""Of an end slice, relative to the next slice inwards."""

MAX_SLICES = 2
"""At either end; a body that tapers over more slices is left as it is."""


def make_whole(hu: HU, air_hu: int) -> tuple[HU, int]:
    """Make partial slices at both ends whole, or air.

    The areas of an end's partial slices add up to a number of whole slices, rounded. So many are
    completed with the voxels of the next slice inwards; the others become air.

    Args:
        hu: ``[i, j, k]`` HU.
        air_hu: the value of air.

    Returns:
        The volume, and the number of slices that were changed.

    >>> hu = np.full((8, 8, 6), -1000, np.int16)
    >>> hu[2:6, 2:6, 1:4] = 40
    >>> hu[2:3, 2:6, 0], hu[2:5, 2:6, 4] = 40, 40
    >>> whole, count = make_whole(hu, air_hu=-1000)
    >>> count, (whole > -500).sum(axis=(0, 1))
    (2, array([ 0, 16, 16, 16, 16,  0]))
    """
    body = filled(largest_piece(hu > TISSUE_ABOVE_HU).transpose(2, 0, 1))
    shown = np.flatnonzero(body.any(axis=(1, 2)))
    made = hu.copy()
    changed = sum(_make_end_whole(made, body, end, air_hu) for end in (shown, shown[::-1]))
    return made, changed


def _make_end_whole(hu: HU, body: Mask, slices: NDArray[np.intp], air_hu: int) -> int:
    """Change the partial slices of an end in place, and return their number.

    Args:
        hu: ``[i, j, k]`` HU.
        body: ``[k, i, j]``.
        slices: k of the body's slices, from the end inwards.
        air_hu: the value of air.
    """
    area = body[slices].sum(axis=(1, 2))
    count = _partial(area)
    if count == 0:
        return 0
    whole = round(area[:count].sum() / area[count])
    for number in reversed(range(count)):
        k, inwards = slices[number], slices[number + 1]
        if number >= count - whole:
            missing = body[inwards] & ~body[k]
            hu[missing, k] = hu[missing, inwards]
            body[k] |= missing
        else:
            hu[:, :, k] = air_hu
    return count


def _partial(area: NDArray[np.intp]) -> int:
    """Number of partial slices of an end; areas go inwards."""
    whole = area[:-1] >= MIN_AREA * area[1:]
    for count in range(min(MAX_SLICES, len(whole) - 1), 0, -1):
        if whole[count] and not whole[count - 1]:
            return count
    return 0
