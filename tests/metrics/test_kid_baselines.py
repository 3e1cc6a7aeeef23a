from collections.abc import Callable

import numpy as np
import pytest

from degraded import noisy
from syda.metrics import kid_baselines
from syda.metrics.cohorts import Cohorts, Images, Sampling, VoxelGrid
from syda.metrics.efficientnet import EfficientNetFeatures
from syda.metrics.kid import KernelDistance
from syda.metrics.metric import MetricContext

SAMPLING = Sampling(0, 10, 200)
CONTEXT = MetricContext(VoxelGrid(16, -1000, 1000))


@pytest.fixture(scope="module")
def extractor() -> EfficientNetFeatures:
    return CONTEXT.efficientnet


def test_degraded_scans_are_worse_than_scans_and_a_blur_hides_noise(
    smooth: Callable[..., Images],
    as_cohorts: Callable[..., Cohorts],
    extractor: EfficientNetFeatures,
) -> None:
    """The synthetic volumes are training scans with noise."""
    images = smooth(18, 16)
    cohorts = as_cohorts(noisy(images[:5], 0.05), images[:10], images[10:])
    result = KernelDistance(CONTEXT).measure(cohorts, SAMPLING)["holdout"]
    before = extractor.extract(*cohorts.images)
    baselines = kid_baselines.measure(extractor, cohorts, "holdout", SAMPLING)
    assert extractor.extract(*cohorts.images) is before
    found = baselines.found
    assert found.keys() == kid_baselines.TITLES.keys()
    high_by_chance = result.real.interval[1]
    assert found["mean_scan"].value > high_by_chance
    assert found["half_side"].value > high_by_chance
    assert found["blurred"].value < result.synthetic.value / 2
    low, high = found["real_halves"].interval
    assert low < 0 < high < found["mean_scan"].value
    assert {name: one.n for name, one in found.items()} == {
        "mean_scan": 5, "half_side": 10, "blurred": 5, "real_halves": 9,
    }  # fmt: skip
    detail = baselines.detail()
    assert detail["split"] == "holdout"
    for name, figure in detail["figures"].items():
        assert figure["title"] == kid_baselines.TITLES[name]
        assert figure["low"] <= figure["value"] <= figure["high"]


def test_training_scans_at_their_own_side_have_the_floor(
    smooth: Callable[..., Images],
    as_cohorts: Callable[..., Cohorts],
    extractor: EfficientNetFeatures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kid_baselines, "halved", lambda images: images)
    images = smooth(10, 16)
    cohorts = as_cohorts(images[:2], images[2:6], images[6:])
    result = KernelDistance(CONTEXT).measure(cohorts, SAMPLING)["holdout"]
    found = kid_baselines.measure(extractor, cohorts, "holdout", SAMPLING).found
    assert found["half_side"].value == pytest.approx(result.real.value, abs=1e-5)


def test_halving_leaves_constants_and_removes_what_is_finer() -> None:
    checked = np.indices((8, 8, 8)).sum(axis=0) % 2 * 2.0 - 1
    images = np.stack([np.full((8, 8, 8), 0.25), checked]).astype(np.float32)
    constant, fine = kid_baselines.halved(images)
    np.testing.assert_array_equal(constant, 0.25)
    np.testing.assert_allclose(fine, 0, atol=1e-7)
    constant, fine = kid_baselines.blurred(images)
    np.testing.assert_allclose(constant, 0.25, atol=1e-6)
    assert np.abs(fine).max() < 0.2
