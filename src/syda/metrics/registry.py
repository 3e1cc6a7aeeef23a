"""Every metric of the evaluation. A new one is a module here and a line in :func:`build`."""

from syda.metrics.cohorts import Grid
from syda.metrics.hu_histogram import HuWasserstein
from syda.metrics.kid import KernelDistance
from syda.metrics.metric import Metric
from syda.metrics.ms_ssim import MsSsimDiversity
from syda.metrics.perception import Perception
from syda.metrics.perceptual import PerceptualDistance


def build(grid: Grid) -> list[Metric]:
    """Return every metric for volumes on this grid.

    Raises:
        CorruptData: the network's weights are not the pinned ones.
        UsageError: a metric is not defined on so small a grid.
    """
    perception = Perception(grid)
    return [
        MsSsimDiversity(grid),
        PerceptualDistance(perception),
        KernelDistance(perception),
        HuWasserstein(grid),
    ]
