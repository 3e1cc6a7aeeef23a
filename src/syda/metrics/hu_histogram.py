"""Wasserstein-1 of HU histograms: is the tissue mix right, in Hounsfield units?

Deep features hardly notice a constant HU shift; this metric shows it in HU. Every voxel of the cube
counts, padding too. Real and synthetic volumes are padded with air at the window's lower end, so a
wrong share of body in the cube shows as well.
"""

from typing import Any

from syda.metrics import pools
from syda.metrics.cohorts import Cohorts, Sampling
from syda.metrics.estimate import MetricResult
from syda.metrics.histograms import hu_histograms, wasserstein1
from syda.metrics.metric import Metric, MetricSpec, register


@register
class HuWasserstein(Metric[MetricSpec]):
    """Wasserstein-1 of the pooled HU histograms; the baseline is two halves of the real volumes."""

    SPECS = (
        MetricSpec(
            key="hu_w1",
            title="Wasserstein-1 of HU",
            unit="HU",
            aim="lower",
            source="Vallender, Theory Probab. Appl. 18(4), 1974",
            criterion="Congruence",
            description="Mean shift in HU between the histograms of all voxels: is the tissue mix "
            "right?",
            headline=True,
        ),
    )

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return self.context.grid.protocol | {
            "bin_hu": 1,
            "voxels": "all, padding included",
            "floor": pools.FLOOR,
        }

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; see :meth:`.Metric.measure`."""
        grid = self.context.grid
        shares = {c.label: hu_histograms(c.images, grid) for c in cohorts.all()}
        return pools.distances(cohorts, shares, wasserstein1, sampling)
