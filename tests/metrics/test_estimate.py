from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics.cohorts import Cohort, Sampling
from syda.metrics.estimate import (
    Estimate,
    MetricResult,
    interval,
    mean_over_pairs,
    pairs_between,
    pairs_within,
    sample_pairs,
)

MakeCohort = Callable[..., Cohort]


def empty(count: int) -> np.ndarray:
    return np.zeros((count, 1, 1, 1), np.float32)


def test_pairs_within_leave_out_two_volumes_of_one_patient(as_cohort: MakeCohort) -> None:
    pairs = pairs_within(as_cohort("train", empty(4), ["a", "b", "a", "c"]))
    found = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert found == [(0, 1), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_pairs_between_are_all_of_them(as_cohort: MakeCohort) -> None:
    pairs = pairs_between(as_cohort("synthetic", empty(2)), as_cohort("train", empty(3)))
    found = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert found == {(a, b) for a in range(2) for b in range(3)}
    assert len(pairs) == 6


def test_chosen_pairs_are_distinct_and_follow_the_seed(as_cohort: MakeCohort) -> None:
    pairs = pairs_within(as_cohort("train", empty(12)))
    chosen, again, other = (sample_pairs(pairs, 20, np.random.default_rng(s)) for s in (3, 3, 4))
    assert len(set(zip(chosen.first, chosen.second, strict=True))) == 20
    assert (chosen.first < chosen.second).all()
    np.testing.assert_array_equal(chosen.first, again.first)
    np.testing.assert_array_equal(chosen.second, again.second)
    assert not np.array_equal(chosen.first, other.first)


def test_fewer_pairs_than_requested_are_all_taken(as_cohort: MakeCohort) -> None:
    pairs = pairs_within(as_cohort("train", empty(4)))
    assert sample_pairs(pairs, 6, np.random.default_rng(0)) is pairs


def test_a_pair_weighs_the_product_of_its_volumes_weights(as_cohort: MakeCohort) -> None:
    cohort = as_cohort("train", empty(3))
    sampling = Sampling(5, 10, 100)
    pairs = pairs_within(cohort)
    values = np.array([1.0, 2.0, 6.0])
    estimate = mean_over_pairs(values, pairs, (cohort, cohort), sampling)
    a, b, c = sampling.weights(cohort).T
    expected = (a * b * 1 + a * c * 2 + b * c * 6) / (a * b + a * c + b * c)
    np.testing.assert_allclose(estimate.replicates, expected, rtol=1e-12)
    assert estimate.value == 3
    assert estimate.n == 3
    assert estimate.spread == {
        "sd": pytest.approx(14**0.5 / 3**0.5),
        "min": 1,
        "median": 2,
        "max": 6,
    }


def test_bootstrap_error_of_a_mean_is_the_analytic_one(as_cohort: MakeCohort) -> None:
    cohort, other = as_cohort("synthetic", empty(50)), as_cohort("train", empty(2))
    of_volume = np.random.default_rng(0).standard_normal(50)
    pairs = pairs_between(cohort, other)
    estimate = mean_over_pairs(of_volume[pairs.first], pairs, (cohort, other), Sampling(1, 1, 4000))
    # Rubin 1981: the posterior variance of the mean is the population variance / (n + 1).
    assert estimate.standard_error == pytest.approx(of_volume.std() / 51**0.5, rel=0.05)


def test_interval_is_196_errors_to_each_side() -> None:
    replicates = np.array([-1.0, 1.0] * 500)
    low, high = interval(5.0, replicates)
    half = 1.959964 * replicates.std(ddof=1)
    assert (low, high) == pytest.approx((5 - half, 5 + half), abs=2e-6)


def test_difference_of_two_figures_pairs_their_replicates() -> None:
    noise = np.random.default_rng(0).standard_normal(100)
    figure = MetricResult(Estimate(2.0, 2 + noise, 8), Estimate(0.5, 0.5 + noise, 6))
    assert figure.summary() == {
        "synthetic": 2.0,
        "real": 0.5,
        "difference": 1.5,
        "difference_low": 1.5,
        "difference_high": 1.5,
        "n_synthetic": 8,
        "n_real": 6,
    }
    assert figure.compared() == {"synthetic": 2.0, "real": 0.5}
    detail = figure.detail()
    assert detail["difference"] == {"value": 1.5, "low": 1.5, "high": 1.5}
    assert [(detail[of]["value"], detail[of]["n"]) for of in ("synthetic", "real")] == [
        (2.0, 8),
        (0.5, 6),
    ]


def test_detail_lists_the_pairs_by_name(as_cohort: MakeCohort) -> None:
    pairs = pairs_within(as_cohort("train", empty(2)))
    estimate = Estimate(0.5, np.zeros(100), 1).listed(np.array([0.5]), pairs, ["x", "y"])
    assert estimate.detail()["pairs"] == ["x y 0.500000"]
    assert (estimate.detail()["low"], estimate.detail()["high"]) == (0.5, 0.5)
