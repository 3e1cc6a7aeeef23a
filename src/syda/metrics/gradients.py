"""Gradients: are edges in the body as steep, and its tissues as even, as in real volumes?

Blur makes edges flat and noise makes tissue uneven; both move the distribution of the gradient's
length, the one down and the other up.

The unit is HU per voxel of the model, not per mm: that is what the network learns, and the size of
a voxel is a property that it is asked for, whose error has a figure of its own.
"""

from syda.metrics import interior, pools
from syda.metrics.cohorts import Cohorts, Sampling
from syda.metrics.estimate import Figure
from syda.metrics.hu_histogram import wasserstein1
from syda.metrics.interior import Interior
from syda.metrics.metric import About


class GradientWasserstein:
    """Wasserstein-1 of the pooled gradients in bodies, beside that of halves of real volumes."""

    def __init__(self, within: Interior) -> None:
        self._interior = within

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        grid = self._interior.grid
        return About(
            key="gradient_w1",
            title="Wasserstein-1 of gradients",
            unit="HU/voxel",
            aim="lower",
            source="Vallender, Theory Probab. Appl. 18(4), 1974",
            protocol=interior.PROTOCOL
            | {
                "grid": grid.size,
                "window_hu": [grid.window_min, grid.window_max],
                "gradient": "length, central differences of neighbouring voxels",
                "bin_hu_per_voxel": 1,
                "floor": pools.FLOOR,
            },
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; see :class:`syda.metrics.metric.Metric`."""
        inside = self._interior.of(cohorts)
        rows = {label: found.gradient for label, found in inside.items()}
        return pools.distances(cohorts, rows, wasserstein1, sampling)
