"""Every metric of the evaluation. A new one is a module here and a line in :func:`build`."""

from collections.abc import Sequence

from syda.metrics import coverage
from syda.metrics.cohorts import Grid
from syda.metrics.coverage import Neighbourhood
from syda.metrics.frechet import FrechetRatio
from syda.metrics.hu_histogram import HuWasserstein
from syda.metrics.kid import KernelDistance
from syda.metrics.metric import Metric
from syda.metrics.ms_ssim import MsSsimDiversity
from syda.metrics.perception import Observer, Perception, Vectors
from syda.metrics.perceptual import PerceptualDistance


def build(
    grid: Grid, perception: Perception, others: Sequence[Observer[Vectors]] = ()
) -> list[Metric]:
    """Return every metric for volumes on this grid, which share what a network sees of them.

    Args:
        grid: of the volumes.
        perception: the pinned network.
        others: given networks, in whose spaces distributions are compared too.

    Raises:
        UsageError: a metric is not defined on so small a grid.
    """
    return [
        MsSsimDiversity(grid),
        PerceptualDistance(perception),
        *_of_vectors(perception),
        HuWasserstein(grid),
        *(metric for observer in others for metric in _of_vectors(observer)),
    ]


def _of_vectors(observer: Observer[Vectors]) -> list[Metric]:
    return [
        KernelDistance(observer),
        FrechetRatio(observer),
        *(Neighbourhood(observer, kind) for kind in coverage.KINDS),
    ]
