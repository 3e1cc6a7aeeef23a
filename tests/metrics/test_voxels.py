from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics import voxels
from syda.metrics.cohorts import Cohort, Cohorts, VoxelGrid


def test_is_the_root_mean_square_in_hu(
    as_cohort: Callable[..., Cohort], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voxels, "_VOXELS_AT_ONCE", 10)  # 27 voxels in three parts
    images = np.random.default_rng(0).uniform(-1, 1, (6, 3, 3, 3)).astype(np.float32)
    images[5] = images[0]
    real = {"train": as_cohort("train", images[2:4]), "holdout": as_cohort("holdout", images[4:])}
    cohorts = Cohorts(as_cohort("synthetic", images[:2]), real)
    found = voxels.rms_hu(cohorts, VoxelGrid(3, -1000, 1000))
    hu = images.astype(np.float64).reshape(6, -1) * 1000
    expected = np.sqrt(((hu[:, None] - hu) ** 2).mean(axis=2))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.diagonal(found).tolist() == [0] * 6
    between = voxels.rms_hu_between(images[:2], images[2:], VoxelGrid(3, -1000, 1000))
    np.testing.assert_allclose(between, expected[:2, 2:], rtol=1e-5)
