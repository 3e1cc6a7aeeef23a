"""HU histograms, and Wasserstein-1 between them: is the tissue mix right, in Hounsfield units?

Deep features hardly notice a constant HU shift; this metric reads it off in HU. Every voxel of the
cube counts, padding too: real and synthetic volumes are both padded with air at the window's lower
end, so a wrong share of body in the cube shows as well.
"""

import numpy as np
from numpy.typing import NDArray

from syda.metrics import pools
from syda.metrics.cohorts import Cohorts, Floats, Grid, Images, Sampling
from syda.metrics.estimate import Figure
from syda.metrics.metric import About


def histograms(images: Images, grid: Grid) -> Floats:
    """Share of voxels at each whole HU of the window.

    Args:
        images: ``[V, D, H, W]`` in the model range.
        grid: the window.

    Returns:
        ``[V, window_max - window_min + 1]``; each row sums to 1.
    """
    above = ((image.astype(np.float64) + 1) * grid.hu_per_unit for image in images)
    return np.stack([histogram(values, grid.window_max - grid.window_min + 1) for values in above])


def histogram(values: Floats, bins: int) -> Floats:
    """Share of values at each whole number.

    Args:
        values: any shape, one or more, from 0 on and below ``bins``.
        bins: so many whole numbers from 0 on.

    Returns:
        ``[bins]``; sums to 1.
    """
    level = np.rint(values).astype(np.int64)
    found: Floats = np.bincount(level.ravel(), minlength=bins) / level.size
    return found


def wasserstein1(shares: Floats, other: Floats) -> Floats:
    """Wasserstein-1 of histograms over whole HU: the area between their cumulative sums.

    Source: S. S. Vallender, "Calculation of the Wasserstein distance between probability
    distributions on the line", Theory of Probability and its Applications 18(4), 1974.

    Args:
        shares: ``[..., bins]``, sums to 1.
        other: the same shape.

    Returns:
        ``[...]`` in HU.
    """
    area: Floats = np.abs(np.cumsum(shares - other, axis=-1)).sum(axis=-1)
    return area


def coarse(shares: Floats, grid: Grid, width: int) -> tuple[NDArray[np.int64], Floats]:
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


class HuWasserstein:
    """Wasserstein-1 of the pooled HU histograms, beside that of two halves of the real volumes."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        return About(
            key="hu_w1",
            title="Wasserstein-1 of HU",
            unit="HU",
            aim="lower",
            source="Vallender, Theory Probab. Appl. 18(4), 1974",
            protocol={
                "grid": self._grid.size,
                "window_hu": [self._grid.window_min, self._grid.window_max],
                "bin_hu": 1,
                "voxels": "all, padding included",
                "floor": pools.FLOOR,
            },
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; see :class:`syda.metrics.metric.Metric`."""
        shares = {c.label: histograms(c.images, self._grid) for c in cohorts.all()}
        return pools.distances(cohorts, shares, wasserstein1, sampling)
