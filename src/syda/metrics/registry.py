"""Every metric of the evaluation. A new one is a module here and a line in :func:`build`."""

from syda.metrics import coverage
from syda.metrics.anatomy import Anatomist
from syda.metrics.anatomy_bands import TISSUES, AnatomyBand
from syda.metrics.anatomy_rules import RULES, AnatomyRule
from syda.metrics.cohorts import Grid
from syda.metrics.coverage import Neighbourhood
from syda.metrics.frechet import FrechetRatio
from syda.metrics.hu_histogram import HuWasserstein
from syda.metrics.kid import KernelDistance
from syda.metrics.metric import Metric
from syda.metrics.ms_ssim import MsSsimDiversity
from syda.metrics.perception import Perception
from syda.metrics.perceptual import PerceptualDistance


def build(grid: Grid, perception: Perception) -> list[Metric]:
    """Return every metric for volumes on this grid.

    Some share what the network sees of the volumes, others what is seen of their anatomy.

    Raises:
        UsageError: a metric is not defined on so small a grid.
    """
    anatomist = Anatomist(grid)
    return [
        MsSsimDiversity(grid),
        PerceptualDistance(perception),
        KernelDistance(perception),
        FrechetRatio(perception),
        *(Neighbourhood(perception, kind) for kind in coverage.KINDS),
        HuWasserstein(grid),
        *(AnatomyRule(anatomist, rule) for rule in RULES),
        *(AnatomyBand(anatomist, tissue) for tissue in TISSUES),
    ]
