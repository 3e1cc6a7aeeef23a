from collections.abc import Callable

import numpy as np
import pytest

from degraded import blurred
from syda.metrics.cohorts import Cohorts, Sampling, VoxelGrid
from syda.metrics.metric import MetricContext
from syda.metrics.perceptual import PerceptualDistance

CONTEXT = MetricContext(VoxelGrid(16, -1000, 1000))
MakeVolumes = Callable[..., np.ndarray]


def test_more_noise_and_more_blur_are_further_away(smooth: MakeVolumes) -> None:
    image = smooth(1, 16)
    noise = np.random.default_rng(0).standard_normal(image.shape)
    worse = [np.clip(image + sd * noise, -1, 1) for sd in (0.01, 0.03, 0.1)]
    soft = [blurred(image), blurred(blurred(image)), blurred(blurred(blurred(blurred(image))))]
    images = np.concatenate([image, *worse, *soft]).astype(np.float32)
    matrix = CONTEXT.efficientnet.extract(images).distances
    assert 0 < matrix[0, 1] < matrix[0, 2] < matrix[0, 3]
    assert 0 < matrix[0, 4] < matrix[0, 5] < matrix[0, 6]


def test_artefacts_lie_above_the_real_distance(
    smooth: MakeVolumes, as_cohorts: Callable[..., Cohorts]
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.15, (3, 16, 16, 16))  # 150 HU
    noisy = np.clip(smooth(3, 16, seed=3) + noise, -1, 1).astype(np.float32)
    cohorts = as_cohorts(noisy, smooth(4, 16, seed=1), smooth(3, 16, seed=2))
    metric = PerceptualDistance(CONTEXT)
    results = metric.measure(cohorts, Sampling(0, 10, 100))
    assert metric.key.startswith("perceptual_imagenet-efflite0-")
    train, holdout = results["train"].summary(), results["holdout"].summary()
    assert (train["n_synthetic"], train["n_real"]) == (12, 6)
    assert (holdout["n_synthetic"], holdout["n_real"]) == (9, 3)
    assert train["difference_low"] > 0
    assert holdout["difference_low"] > 0
    matrix = CONTEXT.efficientnet.extract(np.concatenate(cohorts.images)).distances
    assert train["synthetic"] == pytest.approx(matrix[:3, 3:7].mean(), abs=1e-5)
    assert holdout["real"] == pytest.approx(matrix[7:, 7:].sum() / 6, abs=1e-5)
