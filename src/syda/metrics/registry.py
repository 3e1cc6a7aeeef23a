"""Every metric of the evaluation. A new one is a module here and a line in :func:`build`."""

from syda.metrics import coverage, hu_tissues, saturation
from syda.metrics.cohorts import Grid
from syda.metrics.coverage import Neighbourhood
from syda.metrics.frechet import FrechetRatio
from syda.metrics.gradients import GradientWasserstein
from syda.metrics.hu_histogram import HuWasserstein
from syda.metrics.hu_tissues import TissueHu
from syda.metrics.interior import Interior
from syda.metrics.kid import KernelDistance
from syda.metrics.metric import Metric
from syda.metrics.ms_ssim import MsSsimDiversity
from syda.metrics.noise_power import NoisePower
from syda.metrics.perception import Perception
from syda.metrics.perceptual import PerceptualDistance
from syda.metrics.saturation import Saturated


def build(grid: Grid, perception: Perception) -> list[Metric]:
    """Return every metric for volumes on this grid, which share what is seen of them.

    Raises:
        UsageError: a metric is not defined on so small a grid.
    """
    interior = Interior(grid)
    return [
        MsSsimDiversity(grid),
        PerceptualDistance(perception),
        KernelDistance(perception),
        FrechetRatio(perception),
        *(Neighbourhood(perception, kind) for kind in coverage.KINDS),
        HuWasserstein(grid),
        *(TissueHu(interior, tissue) for tissue in hu_tissues.TISSUES),
        *(Saturated(interior, end) for end in saturation.ENDS),
        GradientWasserstein(interior),
        NoisePower(grid),
    ]
