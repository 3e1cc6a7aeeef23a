from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from syda.metrics.cohorts import Cohort, Cohorts, Sampling, VoxelGrid
from syda.metrics.histograms import hu_histograms, rebin, wasserstein1
from syda.metrics.hu_histogram import HuWasserstein
from syda.metrics.metric import MetricContext

GRID = VoxelGrid(16, -1000, 1000)


def in_model_range(hu: np.ndarray) -> np.ndarray:
    return (hu / 1000).astype(np.float32)


def test_every_whole_hu_is_a_bin() -> None:
    hu = np.array([-1000, -1000, 0, 37, 1000, 1000, 1000, -1]).reshape(1, 2, 2, 2)
    shares = hu_histograms(in_model_range(hu), GRID)
    assert shares.shape == (1, 2001)
    expected = {0: 2, 999: 1, 1000: 1, 1037: 1, 2000: 3}
    assert {int(n): shares[0, n] * 8 for n in np.flatnonzero(shares[0])} == expected


@pytest.mark.parametrize("shift", [1, 40, -250])
def test_w1_of_a_shift_is_the_shift(shift: int) -> None:
    hu = np.random.default_rng(0).integers(-500, 500, (1, 8, 8, 8))
    shares, moved = (hu_histograms(in_model_range(x), GRID) for x in (hu, hu + shift))
    assert wasserstein1(shares, moved) == pytest.approx([abs(shift)])


def test_w1_equals_scipy() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(40, 60, 4096), rng.normal(-20, 90, 4096)
    a, b = (np.rint(np.clip(x, -1000, 1000)).reshape(1, 16, 16, 16) for x in (a, b))
    ours = wasserstein1(
        hu_histograms(in_model_range(a), GRID), hu_histograms(in_model_range(b), GRID)
    )
    assert ours == pytest.approx([wasserstein_distance(a.ravel(), b.ravel())])


def test_coarse_bins_are_centred_and_keep_every_voxel() -> None:
    shares = np.zeros(2001)
    shares[[0, 4, 5, 1000, 2000]] = [0.1, 0.2, 0.3, 0.15, 0.25]  # -1000, -996, -995, 0, 1000 HU
    centres, joined = rebin(shares, GRID, 10)
    assert (centres[0], centres[1], centres[-1], len(centres)) == (-1000, -990, 1000, 201)
    np.testing.assert_allclose(joined[[0, 1, 100, 200]], [0.3, 0.3, 0.15, 0.25])
    assert joined.sum() == pytest.approx(1)


def test_a_shift_of_the_synthetic_volumes_is_above_the_floor(
    as_cohort: Callable[..., Cohort],
) -> None:
    rng = np.random.default_rng(0)
    hu = rng.normal(0, 50, (30, 8, 8, 8)) + rng.normal(0, 5, (30, 1, 1, 1))
    real = {"holdout": as_cohort("holdout", in_model_range(hu[:15]))}
    sampling = Sampling(0, 10, 200)
    metric = HuWasserstein(MetricContext(GRID))

    def measure(shift: float) -> dict[str, float | int]:
        synthetic = as_cohort("synthetic", in_model_range(hu[15:] + shift))
        return metric.measure(Cohorts(synthetic, real), sampling)["holdout"].summary()

    same, moved = measure(0), measure(30)
    assert same["difference_low"] < 0 < same["difference_high"]
    assert moved["synthetic"] == pytest.approx(30, abs=4)
    assert moved["difference_low"] > 15
    assert moved["real"] == same["real"] > 0
    assert (moved["n_synthetic"], moved["n_real"]) == (15, 15)


def test_the_floor_never_splits_a_patient(as_cohort: Callable[..., Cohort]) -> None:
    level = np.array([-100.0, -100, 100, 100])[:, None, None, None]
    images = in_model_range(np.broadcast_to(level, (4, 8, 8, 8)))
    real = {"train": as_cohort("train", images, ["a", "a", "b", "b"])}
    figures = HuWasserstein(MetricContext(GRID)).measure(
        Cohorts(as_cohort("synthetic", images), real), Sampling(0, 10, 100)
    )
    assert figures["train"].summary()["real"] == pytest.approx(200)
    assert figures["train"].summary()["synthetic"] == pytest.approx(0)
