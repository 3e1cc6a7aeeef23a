"""The body in a volume: the largest connected piece of tissue, and what it encloses in its slices.

At which grain tissue is looked for, and what is cut away before, is up to the caller.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

TISSUE_ABOVE_HU = -500
"""Half-way between air and tissue, where a surface has half its partial volume."""

Mask = NDArray[np.bool_]

IN_SLICE = np.array([[[0, 0, 0]] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[0, 0, 0]] * 3], bool)
"""Neighbours within a slice ``[k]`` of ``[k, j, i]``, by their sides."""


def largest_piece(mask: Mask) -> Mask:
    """Return the largest piece that is connected by faces; nothing of a mask that holds nothing.

    Args:
        mask: any three axes.
    """
    pieces, count = ndimage.label(mask)
    if not count:
        return np.zeros_like(mask)
    largest: Mask = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    return largest


def filled(body: Mask) -> Mask:
    """Return a body with all that it encloses within an axial slice: lungs, gas in the bowel.

    Air is outside if a path leads from it to the rim of its slice. A face of the field that cuts
    the body encloses nothing.

    Args:
        body: ``[k, j, i]``, or ``[k, i, j]``: slices come first.
    """
    around = np.pad(~body, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    air, _ = ndimage.label(around, IN_SLICE)
    outside = air[:, :1, :1]  # each slice's own piece round the body
    inside: Mask = (air != outside)[:, 1:-1, 1:-1]
    return inside
