"""The body's outline in a volume, slice by slice.

The outline of a slice is its largest connected piece of tissue with all that it encloses. Each
slice is treated alone, so that a shift or a gap between two slices stays visible. A second body
next to the first changes nothing here.
"""

import numpy as np
from scipy import ndimage

from syda.metrics.cohorts import Floats
from syda.volume.body import IN_SLICE, TISSUE_ABOVE_HU, Mask, filled

CRUMB_SHARE = 0.05
"""Share of the largest outline. A slice with less tissue in one piece does not show the body."""

FEWEST_SLICES = 4
"""Of a body."""

COARSE = 32
"""Voxels a side of the coarse grid."""


def downsample(hu: Floats, side: int = COARSE) -> Floats:
    """Mean of blocks of voxels, so that a side has so many voxels; a smaller cube as it is.

    At :data:`COARSE` noise, the shell of the table and the discs between vertebrae are gone. So one
    limit holds for every size of the model's cube.

    Args:
        hu: ``[D, H, W]``, a cube whose side is a multiple of ``side``, or smaller.
        side: voxels, at most.
    """
    step = max(1, len(hu) // side)
    if step == 1:
        return hu
    side = len(hu) // step
    blocks: Floats = hu.reshape(side, step, side, step, side, step).mean(axis=(1, 3, 5))
    return blocks


def outline(hu: Floats) -> Mask:
    """Return the body in each axial slice, gas and lungs included.

    Args:
        hu: ``[D, H, W]`` HU, D = k.

    Returns:
        ``[D, H, W]``; nothing in slices that do not show the body, and in a volume that shows it in
        fewer than :data:`FEWEST_SLICES`.
    """
    pieces, count = ndimage.label(hu > TISSUE_ABOVE_HU, IN_SLICE)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0
    highest = np.maximum.accumulate(pieces.max(axis=(1, 2)))  # slices are numbered one by one
    largest = np.zeros(len(hu), np.intp)
    first = 1
    for k, last in enumerate(highest):
        if last >= first:
            largest[k] = first + int(np.argmax(sizes[first : last + 1]))
        first = int(last) + 1
    largest[sizes[largest] < CRUMB_SHARE * sizes.max()] = 0
    body = (pieces == largest[:, None, None]) & (largest > 0)[:, None, None]
    if np.count_nonzero(largest) < FEWEST_SLICES:
        return np.zeros_like(body)
    return filled(body)


def span(body: Mask) -> slice:
    """Slices from the body's first to its last, those between that do not show it included.

    Args:
        body: ``[D, H, W]``, not empty.
    """
    shown = np.flatnonzero(body.any(axis=(1, 2)))
    return slice(int(shown[0]), int(shown[-1]) + 1)


def middle_and_size(shadow: Mask) -> tuple[float, int]:
    """Middle and size, in voxels, of what lies between the first and the last of a row ``[n]``."""
    where = np.flatnonzero(shadow)
    return (where[0] + where[-1]) / 2, int(where[-1] - where[0]) + 1
