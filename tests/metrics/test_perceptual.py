from collections.abc import Callable

import numpy as np
import pytest
import torch

from syda.metrics.cohorts import Cohort, Cohorts, Grid, Sampling
from syda.metrics.feature_space import FeatureSpace
from syda.metrics.perception import Perception, look
from syda.metrics.perceptual import PerceptualDistance

GRID = Grid(16, -1000, 1000)
MakeVolumes = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def space() -> FeatureSpace:
    return FeatureSpace(GRID)


def blurred(image: np.ndarray, times: int) -> np.ndarray:
    for _ in range(times):
        for axis in range(3):
            image = (np.roll(image, 1, axis) + 2 * image + np.roll(image, -1, axis)) / 4
    return image


def test_distances_are_a_metric_like_matrix(space: FeatureSpace, smooth: MakeVolumes) -> None:
    images = smooth(3, 16)
    matrix = look(space, images[[0, 1, 2, 0]]).distances
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(matrix.diagonal(), 0)
    assert matrix[0, 3] == pytest.approx(0, abs=1e-5)
    assert matrix[0, 1] > 0.01


def test_the_matrix_product_equals_the_definition(space: FeatureSpace, smooth: MakeVolumes) -> None:
    images = smooth(2, 16)
    volumes = torch.from_numpy(images)
    terms = []
    with torch.inference_mode():
        for cut in space.slices():
            for maps in space.features(volumes, cut).taps:
                terms.append((maps[0] - maps[1]).square().sum(dim=0).mean().item())
    assert look(space, images).distances[0, 1] == pytest.approx(np.mean(terms), abs=1e-5)


def test_more_noise_and_more_blur_are_further_away(
    space: FeatureSpace, smooth: MakeVolumes
) -> None:
    image = smooth(1, 16)[0]
    noise = np.random.default_rng(0).standard_normal(image.shape)
    noisy = [np.clip(image + sd * noise, -1, 1) for sd in (0.01, 0.03, 0.1)]
    soft = [blurred(image, times) for times in (1, 2, 4)]
    matrix = look(space, np.stack([image, *noisy, *soft]).astype(np.float32)).distances
    assert 0 < matrix[0, 1] < matrix[0, 2] < matrix[0, 3]
    assert 0 < matrix[0, 4] < matrix[0, 5] < matrix[0, 6]


def test_artefacts_lie_above_the_real_distance(
    smooth: MakeVolumes, as_cohort: Callable[..., Cohort]
) -> None:
    real = {
        "train": as_cohort("train", smooth(4, 16, seed=1)),
        "holdout": as_cohort("holdout", smooth(3, 16, seed=2)),
    }
    noise = np.random.default_rng(0).normal(0, 0.15, (3, 16, 16, 16))  # 150 HU
    noisy = np.clip(smooth(3, 16, seed=3) + noise, -1, 1).astype(np.float32)
    synthetic = as_cohort("synthetic", noisy)
    metric = PerceptualDistance(Perception(GRID))
    figures = metric.measure(Cohorts(synthetic, real), Sampling(0, 10, 100))
    assert metric.about.key.startswith("perceptual_imagenet-efflite0-")
    train, holdout = figures["train"].summary(), figures["holdout"].summary()
    assert (train["n_synthetic"], train["n_real"]) == (12, 6)
    assert (holdout["n_synthetic"], holdout["n_real"]) == (9, 3)
    assert train["difference_low"] > 0
    assert holdout["difference_low"] > 0
    together = np.concatenate([synthetic.images, *(cohort.images for cohort in real.values())])
    matrix = look(FeatureSpace(GRID), together).distances
    assert train["synthetic"] == pytest.approx(matrix[:3, 3:7].mean(), abs=1e-5)
    assert holdout["real"] == pytest.approx(matrix[7:, 7:].sum() / 6, abs=1e-5)
