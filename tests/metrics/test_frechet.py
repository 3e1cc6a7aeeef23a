from collections.abc import Callable

import numpy as np
import pytest
from scipy.linalg import sqrtm

from fixed_features import fixed
from syda.metrics.cohorts import Cohorts, Sampling
from syda.metrics.frechet import FrechetRatio, coordinates, frechet

SAMPLING = Sampling(0, 10, 100)


def test_equals_the_formula_with_a_root_of_matrices() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (40, 4)), rng.normal(0.5, 2, (30, 4)) @ rng.normal(size=(4, 4))
    a, b = np.cov(x.T), np.cov(y.T)
    apart = ((x.mean(0) - y.mean(0)) ** 2).sum()
    expected = apart + np.trace(a + b) - 2 * np.trace(sqrtm(a @ b)).real
    assert frechet(x, y) == pytest.approx(expected, rel=1e-9)


def test_by_hand_where_covariances_are_singular() -> None:
    """Two points on each axis: variances 2 along x and 8 along y have nothing in common."""
    x = np.array([[1.0, 0, 0], [-1, 0, 0]])
    assert frechet(x, x) == pytest.approx(0, abs=1e-12)
    assert frechet(x, x + np.array([0, 0, 3])) == pytest.approx(9)
    assert frechet(x, 2 * x) == pytest.approx((np.sqrt(8) - np.sqrt(2)) ** 2)
    assert frechet(x, 2 * x[:, [1, 0, 2]]) == pytest.approx(2 + 8)


def test_coordinates_keep_the_distance() -> None:
    vectors = np.random.default_rng(1).normal(2, 1, (10, 50))
    turned = coordinates(vectors)
    assert turned.shape == (10, 10)
    assert frechet(turned[:4], turned[4:]) == pytest.approx(frechet(vectors[:4], vectors[4:]))


def test_one_for_one_distribution_and_more_for_faults(
    as_cohorts: Callable[..., Cohorts], empty: Callable[[int], np.ndarray]
) -> None:
    rng = np.random.default_rng(2)
    sound = rng.normal(size=(48, 30)) / np.arange(1, 31)
    faults = {
        "none": sound[:16],
        "shift": sound[:16] + 0.5,
        "noise": sound[:16] + rng.normal(0, 0.5, (16, 30)),
        "mode loss": sound[[0] * 16],
    }
    cohorts = as_cohorts(empty(16), empty(16))
    found = {
        fault: FrechetRatio(fixed(np.concatenate([spoilt, sound[16:]])))
        .measure(cohorts, SAMPLING)["holdout"]
        .summary()
        for fault, spoilt in faults.items()
    }
    none = found.pop("none")
    assert none["real"] == 1
    assert none["difference_low"] < 0 < none["difference_high"]
    assert (none["n_synthetic"], none["n_real"]) == (16, 16)
    for fault, result in found.items():
        assert result["synthetic"] > 1.5 * none["synthetic"], fault
        assert result["difference_low"] > 0, fault


def test_few_patients_have_no_ratio(
    as_cohorts: Callable[..., Cohorts], empty: Callable[[int], np.ndarray]
) -> None:
    metric = FrechetRatio(fixed(np.zeros((38, 3))))
    assert metric.measure(as_cohorts(empty(16), empty(11)), SAMPLING) == {}
