"""Gradients: are edges in the body as steep, and tissues as even, as in real volumes?

Blur makes edges flat. Noise makes tissue uneven. Both move the distribution of the gradient's
length: blur moves it down, noise moves it up.

The unit is HU per voxel of the model, not per mm. That is what the network learns. The size of a
voxel is a requested property, whose error is measured by itself.
"""

from typing import Any

from syda.metrics import body_histograms, pools
from syda.metrics.cohorts import Cohorts, Sampling
from syda.metrics.estimate import MetricResult
from syda.metrics.histograms import wasserstein1
from syda.metrics.metric import Metric, MetricSpec, register


@register
class GradientWasserstein(Metric[MetricSpec]):
    """Wasserstein-1 of the pooled gradients in bodies; the baseline is two halves of the real."""

    SPECS = (
        MetricSpec(
            key="gradient_w1",
            title="Wasserstein-1 of gradients",
            unit="HU/voxel",
            aim="lower",
            source="Vallender, Theory Probab. Appl. 18(4), 1974",
            criterion="Congruence",
            description="Are edges in the body as steep, and tissues as even, as in scans?",
        ),
    )

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return (
            body_histograms.PROTOCOL
            | self.context.grid.protocol
            | {
                "gradient": "length, central differences of neighbouring voxels",
                "bin_hu_per_voxel": 1,
                "floor": pools.FLOOR,
            }
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; see :meth:`.Metric.measure`."""
        bodies = self.context.bodies.of(cohorts)
        rows = {label: found.gradient for label, found in bodies.items()}
        return pools.distances(cohorts, rows, wasserstein1, sampling)
