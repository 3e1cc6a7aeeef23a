from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics import subsets
from syda.metrics.cohorts import Cohort, Cohorts, Sampling

MakeCohort = Callable[..., Cohort]
SAMPLING = Sampling(3, 1, 200)


@pytest.fixture
def cohorts(as_cohort: MakeCohort) -> Cohorts:
    """20 synthetic volumes, 30 of 15 training patients, 14 of 12 held-out ones."""

    def empty(count: int) -> np.ndarray:
        return np.zeros((count, 1, 1, 1), np.float32)

    train = as_cohort("train", empty(30), [f"t{n // 2}" for n in range(30)])
    holdout = as_cohort("holdout", empty(14), [f"h{min(n, 11)}" for n in range(14)])
    return Cohorts(as_cohort("synthetic", empty(20)), {"train": train, "holdout": holdout})


def test_as_many_of_each_cohort_and_none_twice(cohorts: Cohorts) -> None:
    draws = subsets.draw(cohorts, SAMPLING)
    assert (draws.size, len(draws.whole), len(draws.halves)) == (12, subsets.DRAWS, 200)
    patients = [patient for cohort in cohorts.all() for patient in cohort.patients]
    label = [cohort.label for cohort in cohorts.all() for _ in range(len(cohort))]
    for drawn, size in [(rows, 12) for rows in draws.whole] + [(rows, 6) for rows in draws.halves]:
        for name, rows in drawn.items():
            assert {label[row] for row in rows} == {name}
            assert len({patients[row] for row in rows}) == len(rows) == size
    seen = {row for drawn in draws.whole for rows in drawn.values() for row in rows}
    assert seen == set(range(64))


def test_the_same_draws_for_every_figure(cohorts: Cohorts) -> None:
    one, other = (subsets.draw(cohorts, SAMPLING).halves for _ in range(2))
    for first, second in zip(one, other, strict=True):
        for label, rows in first.items():
            np.testing.assert_array_equal(rows, second[label])


def test_the_deviation_is_that_of_a_mean(cohorts: Cohorts) -> None:
    """Of the cohort that is used whole, halves scatter as its mean does about the truth."""
    values = np.random.default_rng(0).normal(size=64)
    values[50:] = np.r_[values[50:62], values[61], values[61]]  # alike within a patient
    estimate = subsets.draw(cohorts, Sampling(0, 1, 4000)).estimate(
        lambda rows: float(values[rows["holdout"]].mean())
    )
    assert estimate.value == pytest.approx(values[50:62].mean(), abs=1e-12)
    assert estimate.n == 12
    expected = values[50:62].std(ddof=1) / np.sqrt(12)
    assert estimate.standard_error == pytest.approx(expected, rel=0.05)


def test_eleven_patients_are_too_few(cohorts: Cohorts, as_cohort: MakeCohort) -> None:
    assert subsets.large_enough(cohorts)
    few = as_cohort("synthetic", np.zeros((11, 1, 1, 1), np.float32))
    assert not subsets.large_enough(Cohorts(few, cohorts.real))
