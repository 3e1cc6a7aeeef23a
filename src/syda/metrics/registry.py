"""Every metric of the evaluation; CONTRIBUTING.md says what else a new one needs."""

from collections.abc import Sequence

from syda.metrics import coverage, hu_tissues, saturation
from syda.metrics.anatomy import Anatomist
from syda.metrics.anatomy_bands import TISSUES, AnatomyBand
from syda.metrics.anatomy_rules import RULES, AnatomyRule
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
from syda.metrics.perception import Observer, Perception, Vectors
from syda.metrics.perceptual import PerceptualDistance
from syda.metrics.saturation import Saturated


def build(
    grid: Grid, perception: Perception, others: Sequence[Observer[Vectors]] = ()
) -> list[Metric]:
    """Return every metric for volumes on this grid; what several of them see is looked at once.

    Args:
        grid: of the volumes.
        perception: the pinned network.
        others: given networks, in whose spaces distributions are compared too.

    Raises:
        UsageError: a metric is not defined on so small a grid.
    """
    anatomist = Anatomist(grid)
    interior = Interior(grid)
    return [
        MsSsimDiversity(grid),
        PerceptualDistance(perception),
        *_of_vectors(perception),
        HuWasserstein(grid),
        *(TissueHu(interior, tissue) for tissue in hu_tissues.TISSUES),
        *(Saturated(interior, end) for end in saturation.ENDS),
        GradientWasserstein(interior),
        NoisePower(grid),
        *(AnatomyRule(anatomist, rule) for rule in RULES),
        *(AnatomyBand(anatomist, tissue) for tissue in TISSUES),
        *(metric for observer in others for metric in _of_vectors(observer)),
    ]


def _of_vectors(observer: Observer[Vectors]) -> list[Metric]:
    return [
        KernelDistance(observer),
        FrechetRatio(observer),
        *(Neighbourhood(observer, kind) for kind in coverage.KINDS),
    ]
