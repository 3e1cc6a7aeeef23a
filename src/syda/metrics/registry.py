"""Every metric of the evaluation. A new one is a module here and a line in :data:`METRICS`."""

from collections.abc import Callable

from syda.metrics.cohorts import Grid
from syda.metrics.hu_histogram import HuWasserstein
from syda.metrics.metric import Metric
from syda.metrics.ms_ssim import MsSsimDiversity
from syda.metrics.perceptual import PerceptualDistance

METRICS: dict[str, Callable[[Grid], Metric]] = {
    "ms_ssim": MsSsimDiversity,
    "perceptual": PerceptualDistance,
    "hu_w1": HuWasserstein,
}
"""Name to the metric's constructor; the key in ``metrics.json`` begins with the name."""


def build(grid: Grid) -> list[Metric]:
    """Return every metric for volumes on this grid.

    Raises:
        UsageError: a metric is not defined on so small a grid, or its weights are not what its
            definition pins.
    """
    return [make(grid) for make in METRICS.values()]
