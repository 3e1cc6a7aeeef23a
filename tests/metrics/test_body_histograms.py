from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics import body_histograms
from syda.metrics.body_histograms import BodyHistogramCache, body, gradient
from syda.metrics.cohorts import Cohorts, VoxelGrid

GRID = VoxelGrid(8, -1000, 1000)


def in_model_range(hu: np.ndarray) -> np.ndarray:
    return (hu / 1000).astype(np.float32)


def hollow(side: int = 8) -> np.ndarray:
    """A box of soft tissue ``[1:-1, 1:-1, 1:-1]`` around gas, in air."""
    hu = np.full((side,) * 3, -1000.0)
    hu[1:-1, 1:-1, 1:-1] = 40
    hu[2:-2, 3:5, 3:5] = -980
    return hu


def test_the_body_holds_its_gas_and_no_second_piece() -> None:
    hu = hollow()
    hu[0, 0, 0] = 40  # touches the box at a corner alone
    hu[1:3, 7, 7] = -400
    expected = np.zeros(hu.shape, bool)
    expected[1:-1, 1:-1, 1:-1] = True
    np.testing.assert_array_equal(body(hu), expected)


def test_gas_with_a_way_out_within_its_slice_is_outside() -> None:
    hu = hollow()
    hu[2, 1:5, 3] = -1000
    found = body(hu)
    assert not found[2, 3:5, 3:5].any()
    assert found[3, 3:5, 3:5].all()


def test_no_tissue_is_no_body() -> None:
    assert not body(np.full((4, 4, 4), -600.0)).any()


def test_the_gradient_of_a_ramp_is_its_slope() -> None:
    z, y, x = np.meshgrid(*[np.arange(6.0)] * 3, indexing="ij")
    found = gradient(3 * x + 4 * y + 12 * z)
    np.testing.assert_allclose(found[1:-1, 1:-1, 1:-1], 13)
    np.testing.assert_allclose(found[1:-1, 1:-1, 0], np.hypot(np.hypot(1.5, 4), 12))


def test_counts_are_those_of_the_body_and_none_is_nan() -> None:
    images = in_model_range(np.stack([hollow(), np.full((8, 8, 8), -1000.0)]))
    found = body_histograms.body_histograms(images, GRID, "test")
    assert {int(n): found.hu[0, n] * 6**3 for n in np.flatnonzero(found.hu[0])} == pytest.approx(
        {1040: 6**3 - 16, 20: 16}
    )
    assert found.gradient[0].sum() == pytest.approx(1)
    assert np.isnan(found.hu[1]).all()
    assert np.isnan(found.gradient[1]).all()


def test_the_steepest_gradient_has_a_bin() -> None:
    """Two voxels from the densest to air along every axis."""
    hu = np.full((4, 4, 4), 1000.0)
    hu[2:] = hu[:, 2:] = hu[:, :, 2:] = -1000
    found = body_histograms.body_histograms(
        in_model_range(hu[None]), VoxelGrid(4, -1000, 1000), "test"
    )
    assert np.flatnonzero(found.gradient[0])[-1] == np.rint(1000 * np.sqrt(3))


def test_the_same_cohorts_are_counted_once(
    as_cohorts: Callable[..., Cohorts], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = in_model_range(np.stack([hollow()] * 2))
    cohorts, cache = as_cohorts(images, images), BodyHistogramCache(GRID)
    first = cache.of(cohorts)
    assert set(first) == {"synthetic", "train", "holdout"}
    monkeypatch.setattr(body_histograms, "body_histograms", lambda *_: "counted")
    assert cache.of(cohorts) is first
    assert cache.of(as_cohorts(images, images))["train"] == "counted"
