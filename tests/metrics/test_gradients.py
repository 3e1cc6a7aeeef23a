from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics.cohorts import Cohorts, Sampling, VoxelGrid
from syda.metrics.gradients import GradientWasserstein
from syda.metrics.metric import MetricContext

GRID = VoxelGrid(16, -1000, 1000)


def ramps(slope: float, count: int = 4) -> np.ndarray:
    """All body, one slope in each volume: that and 2, 4, 6 ... HU per voxel more."""
    steeper = slope + 2 * np.arange(count)[:, None, None, None]
    hu = np.broadcast_to(steeper * (np.arange(16.0) - 7.5), (count, 16, 16, 16))
    return (hu / 1000).astype(np.float32)


def test_ramps_lie_apart_by_their_slopes(as_cohorts: Callable[..., Cohorts]) -> None:
    """Of 16 voxels in a row two are at a face, where the measured slope is half the ramp's."""
    metric, sampling = GradientWasserstein(MetricContext(GRID)), Sampling(0, 10, 100)
    result = metric.measure(as_cohorts(ramps(30), ramps(20)), sampling)["holdout"]
    assert result.synthetic.value == pytest.approx((14 * 10 + 2 * 5) / 16)
    assert 0 < result.real.value < 6  # slopes of 20 to 26
    assert result.summary()["difference_low"] > 0
    same = metric.measure(as_cohorts(ramps(20), ramps(20)), sampling)
    assert same["holdout"].synthetic.value == 0
