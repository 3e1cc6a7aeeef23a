from collections.abc import Callable

import numpy as np

from syda.metrics.cohorts import Cohort, Sampling, VoxelGrid

EMPTY = np.zeros((4, 2, 2, 2), np.float32)


def test_grid_spans_the_window() -> None:
    assert VoxelGrid(32, -1000, 1000).hu_per_unit == 1000


def test_volumes_of_one_patient_share_their_bootstrap_weight(
    as_cohort: Callable[..., Cohort],
) -> None:
    cohort = as_cohort("train", EMPTY, ["b", "a", "b", "c"])
    weights = Sampling(1, 10, 200).weights(cohort)
    assert weights.shape == (200, 4)
    assert (weights > 0).all()
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    assert not np.array_equal(weights[:, 0], weights[:, 1])


def test_random_choices_follow_seed_purpose_and_cohort_alone() -> None:
    def draw(seed: int, purpose: str, label: str) -> float:
        return float(Sampling(seed, 10, 100).generator(purpose, label).random())

    assert draw(1, "pairs", "train") == draw(1, "pairs", "train")
    others = {draw(2, "pairs", "train"), draw(1, "halves", "train"), draw(1, "pairs", "holdout")}
    assert len(others | {draw(1, "pairs", "train")}) == 4
