from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics.cohorts import Cohorts, Sampling, VoxelGrid
from syda.metrics.metric import MetricContext
from syda.metrics.saturation import Saturated

GRID = VoxelGrid(10, -1000, 1000)


def volumes(count: int, gas: int, metal: int) -> np.ndarray:
    """A body of 8^3 voxels in air; some voxels inside are as dark, some as dense as can be."""
    hu = np.full((count, 10, 10, 10), -1000.0)
    body = np.full(8**3, 40.0)
    inside = np.arange(8**3).reshape(8, 8, 8)[1:-1, 1:-1, 1:-1].ravel()
    body[inside[:gas]] = -1000
    body[inside[gas : gas + metal]] = 1000
    body[inside[-1]], body[inside[-2]] = -998, 998  # nearly
    hu[:, 1:-1, 1:-1, 1:-1] = body.reshape(8, 8, 8)
    return (hu / 1000).astype(np.float32)


def test_shares_are_those_inside_the_body(as_cohorts: Callable[..., Cohorts]) -> None:
    """The air around the body is most of the cube and does not count."""
    holdout = np.concatenate([volumes(2, 8, 0), volumes(2, 0, 0)])
    cohorts, context = (
        as_cohorts(volumes(3, 32, 16), volumes(3, 0, 0), holdout),
        MetricContext(GRID),
    )
    low, high = (
        Saturated(context, spec).measure(cohorts, Sampling(0, 10, 100)) for spec in Saturated.SPECS
    )
    assert low["train"].synthetic.value == pytest.approx(32 / 8**3)
    assert high["train"].synthetic.value == pytest.approx(16 / 8**3)
    assert (low["train"].real.value, high["train"].real.value) == (0, 0)
    assert low["holdout"].real.value == pytest.approx(4 / 8**3)
    assert low["holdout"].summary()["difference_low"] > 0
    assert low["train"].summary()["n_synthetic"] == 3
