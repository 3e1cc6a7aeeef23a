"""Noise of air below the HU bounds, and what else is below them: dark streaks in the body.

Scanners that do not cut at -1024 HU store noise of air on both sides of -1000 HU, also in the gas
of the bowel and between the legs. Streaks of metal or of too few photons are dark throughout, and
reach the skin. So a voxel between tissue needs a neighbourhood of air that is not below the bound.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from syda.volume.body import TISSUE_ABOVE_HU

NEIGHBOURHOOD = 5
"""Side of the square around a voxel, pixels."""

FEWEST_AIR_VOXELS = 9
"""Fewest voxels of air in that square. Fewer mean a thin streak."""

OUTSIDE_OFFSET_HU = 40
"""How far the mean of air outside the body may lie below the bound, because noise is clustered."""


def is_noise(values: NDArray[np.floating[Any]], lower: float) -> NDArray[np.bool_]:
    """Return where the neighbourhood of a voxel is air.

    Args:
        values: HU of a slice, ``[row, column]``.
        lower: lower bound, HU.
    """
    air = values < TISSUE_ABOVE_HU
    share = uniform_filter(air.astype(np.float32), NEIGHBOURHOOD)
    mean = uniform_filter(np.where(air, values, 0), NEIGHBOURHOOD)
    several = share * NEIGHBOURHOOD**2 > FEWEST_AIR_VOXELS - 0.5
    lowest = np.where(between_tissue(~air), lower, lower - OUTSIDE_OFFSET_HU)
    return np.asarray(several & (mean >= lowest * share))


def between_tissue(tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what lies between the first and the last tissue of its row or of its column."""
    return _between_columns(tissue) | _between_columns(tissue.T).T


def _between_columns(tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    first, last = tissue.argmax(axis=1), tissue.shape[1] - 1 - tissue[:, ::-1].argmax(axis=1)
    last[~tissue.any(axis=1)] = -1
    column = np.arange(tissue.shape[1])
    return np.asarray((column >= first[:, None]) & (column <= last[:, None]))
