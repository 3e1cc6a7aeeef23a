"""What a trial is judged by: patients that it was not trained on, and the evaluation's metrics.

The holdout split is never read. Its figures are those of the card, and settings chosen on it would
make them flatter than they are. Some patients of the training split are set aside instead.
"""

from collections.abc import Callable, Sequence

import numpy as np

from syda.errors import CheckFailed
from syda.metrics.cohorts import Cohort, Cohorts, Grid, Images, Sampling
from syda.metrics.estimate import Figure
from syda.metrics.hu_histogram import HuWasserstein
from syda.metrics.metric import Metric
from syda.metrics.ms_ssim import MsSsimDiversity
from syda.metrics.perception import Perception
from syda.metrics.perceptual import PerceptualDistance
from syda.runtime import progress

TERMS: dict[str, tuple[tuple[Callable[[Grid], Metric], float], ...]] = {
    "hu_w1_ms_ssim": ((HuWasserstein, 1.0), (MsSsimDiversity, 400.0)),
    "perceptual": ((lambda grid: PerceptualDistance(Perception(grid)), 1.0),),
}
"""Objective to its metrics and their weights."""

PAIRS = 200
"""Most pairs of volumes that MS-SSIM compares."""

SMALLEST = 2
"""Patients on either side: a pair."""


def by_patient(patients: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Divide cases so that nobody is on both sides.

    Args:
        patients: whose each case is.
        share: of the patients, for validation; there are two or more on either side.
        seed: of who they are.

    Returns:
        Indices of the cases to train on, and of those to validate on.

    Raises:
        CheckFailed: fewer than four patients.
    """
    everyone = sorted(set(patients))
    if len(everyone) < 2 * SMALLEST:
        raise CheckFailed(
            f"tune: {len(everyone)} patients in the training split, a search needs "
            f"{2 * SMALLEST}, two of them to judge by: add scans to data.version"
        )
    count = min(max(SMALLEST, round(share * len(everyone))), len(everyone) - SMALLEST)
    aside = set(np.random.default_rng(seed).permutation(everyone)[:count].tolist())
    sides: tuple[list[int], list[int]] = ([], [])
    for index, patient in enumerate(patients):
        sides[patient in aside].append(index)
    return sides


class Objective:
    """How far synthetic volumes are from the validation cases; the lower the better.

    ``hu_w1_ms_ssim``: Wasserstein-1 of the HU histograms, in HU, plus 400 HU times the difference
    between the mean MS-SSIM of synthetic pairs and that of real ones. The first says whether the
    tissues are right, the second whether volumes differ as patients do; neither notices what the
    other does, and both take a second. The weight makes their noise alike: at 32^3 their standard
    errors are some 2.4 HU and .006.

    ``perceptual``: difference between the mean perceptual distance of synthetic to real volumes and
    that of real to real ones. It looks at structure, and takes several seconds.

    Args:
        name: one of the two.
        grid: the cube that the volumes lie on.
        validation: the cases that are not trained on.
        seed: of the pairs.

    Raises:
        CorruptData: the network's weights are not the pinned ones.
        UsageError: the volumes are too small for a metric.
    """

    def __init__(self, name: str, grid: Grid, validation: Cohort, seed: int) -> None:
        self._terms: list[tuple[Metric, float]] = [
            (build(grid), weight) for build, weight in TERMS[name]
        ]
        self._validation = validation
        self._sampling = Sampling(seed, PAIRS, bootstrap=1)

    def __call__(self, images: Images) -> float:
        """Measure ``[V, D, H, W]`` synthetic volumes in [-1, 1], V of at least 2."""
        names = tuple(map(str, range(len(images))))
        synthetic = Cohort("synthetic", images, names, names)
        label = self._validation.label
        cohorts = Cohorts(synthetic, {label: self._validation})
        with progress.hidden():
            return sum(
                weight * _miss(metric, metric.measure(cohorts, self._sampling)[label])
                for metric, weight in self._terms
            )


def _miss(metric: Metric, figure: Figure) -> float:
    """How far a figure is from where a good generator's lies."""
    if metric.about.aim == "match":
        return abs(figure.synthetic.value - figure.real.value)
    return figure.synthetic.value
