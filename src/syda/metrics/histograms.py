"""Histograms over whole numbers, and the Wasserstein-1 distance between them."""

import numpy as np
from numpy.typing import NDArray

from syda.metrics.cohorts import Floats, Images, VoxelGrid


def histogram(values: Floats, bins: int) -> Floats:
    """Share of values at each whole number.

    Args:
        values: any shape, one or more, from 0 on and below ``bins``.
        bins: so many whole numbers from 0 on.

    Returns:
        ``[bins]``; sums to 1.

    >>> histogram(np.array([0.2, 1.0, 1.4, 2.6]), 4)
    array([0.25, 0.5 , 0.  , 0.25])
    """
    level = np.rint(values).astype(np.int64)
    found: Floats = np.bincount(level.ravel(), minlength=bins) / level.size
    return found


def hu_histograms(images: Images, grid: VoxelGrid) -> Floats:
    """Share of voxels at each whole HU of the window.

    Args:
        images: ``[V, D, H, W]`` in the model range.
        grid: the window.

    Returns:
        ``[V, window_max - window_min + 1]``; each row sums to 1.
    """
    bins = grid.window_max - grid.window_min + 1
    return np.stack([histogram(grid.hu_above_window(image), bins) for image in images])


def wasserstein1(shares: Floats, other: Floats) -> Floats:
    """Wasserstein-1 of histograms over whole numbers: the area between their cumulative sums.

    Source: S. S. Vallender, "Calculation of the Wasserstein distance between probability
    distributions on the line", Theory of Probability and its Applications 18(4), 1974.

    Args:
        shares: ``[..., bins]``, sums to 1.
        other: the same shape.

    Returns:
        ``[...]`` in bins.

    >>> float(wasserstein1(np.array([1.0, 0, 0]), np.array([0, 0, 1.0])))
    2.0
    """
    area: Floats = np.abs(np.cumsum(shares - other, axis=-1)).sum(axis=-1)
    return area


def rebin(shares: Floats, grid: VoxelGrid, width: int) -> tuple[NDArray[np.int64], Floats]:
    """Join whole-HU bins into wider ones, for a chart.

    Args:
        shares: ``[bins]`` of whole HU.
        grid: the window.
        width: of the new bins, HU.

    Returns:
        Centres in HU, the first at the window's lower end, and the share in each bin.
    """
    bin_of = (np.arange(len(shares)) + width // 2) // width
    centres = grid.window_min + width * np.arange(int(bin_of[-1]) + 1)
    joined: Floats = np.bincount(bin_of, weights=shares).astype(np.float64)
    return centres.astype(np.int64), joined
