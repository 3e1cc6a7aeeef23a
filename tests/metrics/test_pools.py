from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics import pools
from syda.metrics.cohorts import Cohort, Cohorts, Floats, Sampling

MakeCohort = Callable[..., Cohort]
SAMPLING = Sampling(0, 10, 100)


def first(rows: Floats) -> Floats:
    return rows[..., 0]


def apart(rows: Floats, other: Floats) -> Floats:
    return np.abs(rows - other).sum(axis=-1)


def cohorts(as_cohort: MakeCohort, patients: list[str] | None = None) -> Cohorts:
    """Four volumes of each of three cohorts; their pictures do not matter."""
    empty = np.zeros((4, 1, 1, 1), np.float32)
    real = {split: as_cohort(split, empty, patients) for split in ("train", "holdout")}
    return Cohorts(as_cohort("synthetic", empty), real)


def test_a_figure_is_that_of_the_mean_row(as_cohort: MakeCohort) -> None:
    rows = {
        "synthetic": np.array([[1.0], [2], [3], [6]]),
        "train": np.array([[0.0], [0], [0], [4]]),
        "holdout": np.array([[5.0]] * 4),
    }
    figures = pools.pooled_values(cohorts(as_cohort), rows, lambda r: first(r) ** 2, SAMPLING)
    assert figures["train"].synthetic.value == 9
    assert figures["train"].real.value == 1
    assert figures["train"].synthetic.spread["max"] == 36
    assert figures["holdout"].real.value == 25
    assert figures["holdout"].real.standard_error == pytest.approx(0)
    assert figures["train"].real.standard_error > 0


def test_a_row_of_nan_shows_nothing_and_two_patients_must_show_something(
    as_cohort: MakeCohort,
) -> None:
    rows = {label: np.array([[1.0], [2], [3], [4]]) for label in ("synthetic", "train", "holdout")}
    rows["synthetic"][[0, 2]] = np.nan
    figures = pools.pooled_values(cohorts(as_cohort), rows, first, SAMPLING)
    assert (figures["train"].synthetic.value, figures["train"].synthetic.n) == (3, 2)
    assert (figures["train"].real.value, figures["train"].real.n) == (2.5, 4)
    rows["synthetic"][1] = np.nan
    assert pools.pooled_values(cohorts(as_cohort), rows, first, SAMPLING) == {}
    assert pools.distances(cohorts(as_cohort), rows, apart, SAMPLING) == {}


def test_one_patient_is_too_few_however_many_volumes(as_cohort: MakeCohort) -> None:
    rows = {label: np.ones((4, 1)) for label in ("synthetic", "train", "holdout")}
    alone = cohorts(as_cohort, ["a"] * 4)
    assert pools.pooled_values(alone, rows, first, SAMPLING) == {}


def test_the_floor_is_between_halves_that_split_no_patient(as_cohort: MakeCohort) -> None:
    """Two patients have one way to be halved: 0 and 0 against 1 and 5."""
    rows = {label: np.array([[0.0], [0], [1], [5]]) for label in ("synthetic", "train", "holdout")}
    found = pools.distances(cohorts(as_cohort, ["a", "a", "b", "b"]), rows, apart, SAMPLING)
    assert found["train"].real.value == 3
    assert found["train"].synthetic.value == 0
    assert found["train"].synthetic.spread["max"] == 3.5
