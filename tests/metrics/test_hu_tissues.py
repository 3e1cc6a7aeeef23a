from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics.cohorts import Cohorts, Sampling, VoxelGrid
from syda.metrics.hu_tissues import TissueHu, median, peak
from syda.metrics.metric import MetricContext

GRID = VoxelGrid(16, -1000, 1000)
SAMPLING = Sampling(0, 10, 100)
TISSUES = TissueHu.SPECS
LUNG, FAT, SOFT, BONE = TISSUES


def volumes(count: int, seed: int, tissues: dict[float, int]) -> np.ndarray:
    """Boxes in air, a slab for each tissue's mean HU, of so many voxels; noise of 10 HU."""
    rng = np.random.default_rng(seed)
    hu = np.full((count, 16, 16, 16), -1000.0)
    start = 2
    for mean, width in tissues.items():
        slab = hu[:, 2:14, 2:14, start : start + width]
        slab[:] = mean + rng.normal(0, 10, slab.shape)
        start += width
    wall = -300.0  # around the lungs; in no tissue's band
    hu[:, 2:14, 2:14, 2] = hu[:, 2:14, 2:14, 13] = wall
    hu[:, 2:14, 2, 2:14] = hu[:, 2:14, 13, 2:14] = wall
    return (hu.clip(-1000, 1000) / 1000).astype(np.float32)


@pytest.fixture
def measured(
    as_cohorts: Callable[..., Cohorts],
) -> Callable[..., dict[str, dict[str, float | int]]]:
    def measure(synthetic: np.ndarray, real: np.ndarray) -> dict[str, dict[str, float | int]]:
        cohorts, context = as_cohorts(synthetic, real), MetricContext(GRID)
        found = {spec.key: TissueHu(context, spec).measure(cohorts, SAMPLING) for spec in TISSUES}
        return {key: results["holdout"].summary() for key, results in found.items() if results}

    return measure


PEAKS = {-850.0: 3, -100.0: 3, 50.0: 3, 300.0: 3}


def test_peaks_are_found(measured: Callable[..., dict[str, dict[str, float]]]) -> None:
    found = measured(volumes(6, 0, PEAKS), volumes(6, 1, PEAKS))
    for tissue, hu in zip(TISSUES, PEAKS, strict=True):
        result = found[tissue.key]
        assert result["synthetic"] == pytest.approx(hu, abs=5), tissue.key
        assert result["difference_low"] <= 0 <= result["difference_high"], tissue.key
        assert (result["n_synthetic"], result["n_real"]) == (6, 6)


@pytest.mark.parametrize("tissue", range(4))
def test_one_tissue_that_is_off_shows_by_how_much(
    tissue: int, measured: Callable[..., dict[str, dict[str, float]]]
) -> None:
    moved = {hu + 30 * (n == tissue): width for n, (hu, width) in enumerate(PEAKS.items())}
    found = measured(volumes(6, 0, moved), volumes(6, 0, PEAKS))
    differences = {one.key: found[one.key]["difference"] for one in TISSUES}
    assert differences == {
        one.key: pytest.approx(30 * (n == tissue), abs=1) for n, one in enumerate(TISSUES)
    }
    assert found[TISSUES[tissue].key]["difference_low"] > 15


def test_a_tissue_that_is_not_there_has_no_figure(
    measured: Callable[..., dict[str, dict[str, float]]],
) -> None:
    soft = volumes(4, 0, {50.0: 12})
    found = measured(soft, volumes(4, 1, PEAKS))
    assert LUNG.key not in found
    assert BONE.key not in found
    assert found[SOFT.key]["synthetic"] == pytest.approx(50, abs=3)


def test_peak_and_median_by_hand() -> None:
    rows = np.array([[0.0, 1, 3, 1], [4, 0, 0, 1], [0, 0, 0, 0]])
    assert peak(rows).tolist() == [2, 0, 0]
    assert median(rows).tolist() == [2, 0, 0]
    assert median(np.array([1.0, 1, 1, 1])) == 1


def test_bands_end_with_the_window() -> None:
    context = MetricContext(VoxelGrid(16, -800, 600))
    bone, lung = (TissueHu(context, spec).protocol["band_hu"] for spec in (BONE, LUNG))
    assert (bone, lung) == ([150, 600], [-800, -600])


def test_a_tissue_outside_the_window_has_no_result(as_cohorts: Callable[..., Cohorts]) -> None:
    images = volumes(2, 0, PEAKS)
    context = MetricContext(VoxelGrid(16, -160, 240))
    measured = [
        TissueHu(context, spec).measure(as_cohorts(images, images), SAMPLING)
        for spec in TISSUES[:3]
    ]
    assert [bool(results) for results in measured] == [False, True, True]
