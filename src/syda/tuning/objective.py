"""The objective of a study: metrics of the evaluation, against validation patients.

The validation patients are taken from the training split, and no trial is trained on them. The
holdout split is not read: its metrics are in the card, and settings chosen on it would bias them.
"""

from collections.abc import Sequence

import numpy as np

from syda.errors import CheckFailed
from syda.metrics.cohorts import Cohort, Cohorts, Images, Sampling, VoxelGrid
from syda.metrics.estimate import MetricResult
from syda.metrics.hu_histogram import HuWasserstein
from syda.metrics.metric import Metric, MetricContext, MetricSpec
from syda.metrics.ms_ssim import MsSsimDiversity
from syda.metrics.perceptual import PerceptualDistance
from syda.runtime import progress

OBJECTIVES: dict[str, tuple[tuple[type[Metric[MetricSpec]], float], ...]] = {
    "hu_w1_ms_ssim": ((HuWasserstein, 1.0), (MsSsimDiversity, 400.0)),
    "perceptual": ((PerceptualDistance, 1.0),),
}
"""Metrics and weights of each objective."""

MAX_PAIRS = 200
"""Of volumes that MS-SSIM compares."""

MIN_PATIENTS = 2
"""For training, and for validation: MS-SSIM compares pairs."""


def by_patient(patients: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Split cases into training and validation, with all cases of a patient on one side.

    Args:
        patients: the patient of each case.
        share: of the patients, for validation; each side gets two patients or more.
        seed: of the choice.

    Returns:
        Indices of the training cases and of the validation cases.

    Raises:
        CheckFailed: fewer than four patients.
    """
    unique = sorted(set(patients))
    if len(unique) < 2 * MIN_PATIENTS:
        raise CheckFailed(
            f"tune: {len(unique)} patients in the training split, a search needs "
            f"{2 * MIN_PATIENTS}, half of them for validation: add scans to data.version"
        )
    count = min(max(MIN_PATIENTS, round(share * len(unique))), len(unique) - MIN_PATIENTS)
    validation = set(np.random.default_rng(seed).permutation(unique)[:count].tolist())
    split: tuple[list[int], list[int]] = ([], [])
    for index, patient in enumerate(patients):
        split[patient in validation].append(index)
    return split


class Objective:
    """Distance of synthetic volumes from the validation cases; lower is better.

    ``hu_w1_ms_ssim``: Wasserstein-1 of the HU histograms, in HU, plus 400 HU times the difference
    between the mean MS-SSIM of synthetic and of real pairs. The first measures tissues, the second
    diversity. At 32^3 their standard errors are about 2.4 HU and 0.006, so that the weight makes
    them equal.

    ``perceptual``: difference between the mean perceptual distance of synthetic to real volumes and
    that of real to real volumes. It measures structure, and takes several seconds.

    Args:
        name: one of the two.
        grid: voxel grid of the volumes.
        validation: the validation cases.
        seed: of the pairs.

    Raises:
        CorruptData: the feature extractor's weights have another digest than the pinned one.
        UsageError: the volumes are too small for a metric.
    """

    def __init__(self, name: str, grid: VoxelGrid, validation: Cohort, seed: int) -> None:
        context = MetricContext(grid)
        self._metrics = [(metric(context), weight) for metric, weight in OBJECTIVES[name]]
        self._validation = validation
        self._sampling = Sampling(seed, MAX_PAIRS, bootstrap=1)

    def __call__(self, images: Images) -> float:
        """Evaluate ``[V, D, H, W]`` synthetic volumes in [-1, 1], V of at least 2."""
        names = tuple(map(str, range(len(images))))
        label = self._validation.label
        cohorts = Cohorts(Cohort("synthetic", images, names, names), {label: self._validation})
        with progress.hidden():
            return sum(
                weight * _distance(metric, metric.measure(cohorts, self._sampling)[label])
                for metric, weight in self._metrics
            )


def _distance(metric: Metric[MetricSpec], result: MetricResult) -> float:
    """Return the distance from the value of an ideal generator."""
    if metric.spec.aim == "match":
        return abs(result.synthetic.value - result.real.value)
    return result.synthetic.value
