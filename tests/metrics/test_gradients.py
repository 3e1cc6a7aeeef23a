from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics.cohorts import Cohort, Cohorts, Grid, Sampling
from syda.metrics.gradients import GradientWasserstein
from syda.metrics.interior import Interior

GRID = Grid(16, -1000, 1000)


def ramps(slope: float, count: int = 4) -> np.ndarray:
    """All body, one slope in each volume: that and 2, 4, 6 ... HU per voxel more."""
    steeper = slope + 2 * np.arange(count)[:, None, None, None]
    hu = np.broadcast_to(steeper * (np.arange(16.0) - 7.5), (count, 16, 16, 16))
    return (hu / 1000).astype(np.float32)


def test_ramps_lie_apart_by_their_slopes(as_cohort: Callable[..., Cohort]) -> None:
    """Of 16 voxels in a row two are at a face, where the slope seen is half the ramp's."""
    real = {split: as_cohort(split, ramps(20)) for split in ("train", "holdout")}
    metric = GradientWasserstein(Interior(GRID))
    cohorts = Cohorts(as_cohort("synthetic", ramps(30)), real)
    figure = metric.measure(cohorts, Sampling(0, 10, 100))["holdout"]
    assert figure.synthetic.value == pytest.approx((14 * 10 + 2 * 5) / 16)
    assert 0 < figure.real.value < 6  # slopes of 20 to 26
    assert figure.summary()["difference_low"] > 0
    same = metric.measure(Cohorts(as_cohort("synthetic", ramps(20)), real), Sampling(0, 10, 100))
    assert same["holdout"].synthetic.value == 0
