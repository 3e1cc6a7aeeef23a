"""HU histograms, and Wasserstein-1 between them: is the tissue mix right, in Hounsfield units?

Deep features hardly notice a constant HU shift; this metric reads it off in HU. Every voxel of the
cube counts, padding too: real and synthetic volumes are both padded with air at the window's lower
end, so a wrong share of body in the cube shows as well.
"""

import numpy as np
from numpy.typing import NDArray

from syda.metrics.cohorts import Cohort, Cohorts, Floats, Grid, Images, Sampling
from syda.metrics.estimate import Estimate, Figure, spread_of
from syda.metrics.metric import About

HALF_SPLITS = 20
"""Random half splits that the real-vs-real floor is averaged over."""


def histograms(images: Images, grid: Grid) -> Floats:
    """Share of voxels at each whole HU of the window.

    Args:
        images: ``[V, D, H, W]`` in the model range.
        grid: the window.

    Returns:
        ``[V, window_max - window_min + 1]``; each row sums to 1.
    """
    bins = grid.window_max - grid.window_min + 1
    shares = np.empty((len(images), bins))
    for row, image in zip(shares, images, strict=True):
        level = np.rint((image.astype(np.float64) + 1) * grid.hu_per_unit).astype(np.int64)
        row[:] = np.bincount(level.ravel(), minlength=bins) / level.size
    return shares


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
    """Wasserstein-1 of the pooled HU histograms, beside that of two halves of the real volumes.

    The floor is what a perfect generator would get of so few volumes; since a half is smaller than
    the whole, it is a little higher than that.
    """

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
                "floor": f"mean of {HALF_SPLITS} random half splits of the split's patients",
            },
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; see :class:`syda.metrics.metric.Metric`."""
        synthetic = _Pool(cohorts.synthetic, self._grid, sampling)
        figures = {}
        for split, cohort in cohorts.real.items():
            real = _Pool(cohort, self._grid, sampling)
            figures[split] = Figure(synthetic.distance(real), real.floor(sampling))
        return figures


class _Pool:
    """A cohort's histograms, pooled with equal weights (row 0) and with the bootstrap's."""

    def __init__(self, cohort: Cohort, grid: Grid, sampling: Sampling) -> None:
        self.cohort = cohort
        self.shares = histograms(cohort.images, grid)
        self.weights = np.vstack([np.ones(len(cohort)), sampling.weights(cohort)])

    def pooled(self, members: NDArray[np.intp]) -> Floats:
        """``[1 + bootstrap, bins]`` histogram of some members together."""
        weights = self.weights[:, members]
        pooled: Floats = weights @ self.shares[members] / weights.sum(axis=1, keepdims=True)
        return pooled

    def distance(self, other: "_Pool") -> Estimate:
        """W1 to another cohort; its spread is that of single volumes to the other's pool."""
        everyone = np.arange(len(self.cohort)), np.arange(len(other.cohort))
        target = other.pooled(everyone[1])
        value, *replicates = wasserstein1(self.pooled(everyone[0]), target)
        spread = spread_of(wasserstein1(self.shares, target[:1]))
        return Estimate(float(value), np.array(replicates), len(self.cohort), spread)

    def floor(self, sampling: Sampling) -> Estimate:
        """W1 between two halves of the patients, mean over random halves."""
        patient = self.cohort.patient_index
        count = int(patient.max()) + 1
        generator = sampling.generator("halves", self.cohort.label)
        splits = []
        for _ in range(HALF_SPLITS):
            in_first = np.isin(patient, generator.permutation(count)[: count // 2])
            first, second = np.flatnonzero(in_first), np.flatnonzero(~in_first)
            splits.append(wasserstein1(self.pooled(first), self.pooled(second)))
        value, *replicates = np.mean(splits, axis=0)
        spread = spread_of(np.array([split[0] for split in splits]))
        return Estimate(float(value), np.array(replicates), len(self.cohort), spread)
