from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics.cohorts import Cohort, Cohorts, Grid, Sampling
from syda.metrics.hu_tissues import TISSUES, TissueHu, median, peak
from syda.metrics.interior import Interior

GRID = Grid(16, -1000, 1000)
SAMPLING = Sampling(0, 10, 100)
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
    wall = -300.0  # round the lungs; in no tissue's band
    hu[:, 2:14, 2:14, 2] = hu[:, 2:14, 2:14, 13] = wall
    hu[:, 2:14, 2, 2:14] = hu[:, 2:14, 13, 2:14] = wall
    return (hu.clip(-1000, 1000) / 1000).astype(np.float32)


@pytest.fixture
def measured(as_cohort: Callable[..., Cohort]) -> Callable[..., dict[str, dict[str, float | int]]]:
    def measure(synthetic: np.ndarray, real: np.ndarray) -> dict[str, dict[str, float | int]]:
        splits = {split: as_cohort(split, real) for split in ("train", "holdout")}
        cohorts = Cohorts(as_cohort("synthetic", synthetic), splits)
        within = Interior(GRID)
        found = {t.key: TissueHu(within, t).measure(cohorts, SAMPLING) for t in TISSUES}
        return {key: figures["holdout"].summary() for key, figures in found.items() if figures}

    return measure


KNOWN = {-850.0: 3, -100.0: 3, 50.0: 3, 300.0: 3}


def test_known_peaks_are_found(measured: Callable[..., dict[str, dict[str, float]]]) -> None:
    found = measured(volumes(6, 0, KNOWN), volumes(6, 1, KNOWN))
    for tissue, hu in zip(TISSUES, KNOWN, strict=True):
        figures = found[tissue.key]
        assert figures["synthetic"] == pytest.approx(hu, abs=5), tissue.key
        assert figures["difference_low"] <= 0 <= figures["difference_high"], tissue.key
        assert (figures["n_synthetic"], figures["n_real"]) == (6, 6)


@pytest.mark.parametrize("tissue", range(4))
def test_one_tissue_that_is_off_shows_by_how_much(
    tissue: int, measured: Callable[..., dict[str, dict[str, float]]]
) -> None:
    moved = {hu + 30 * (n == tissue): width for n, (hu, width) in enumerate(KNOWN.items())}
    found = measured(volumes(6, 0, moved), volumes(6, 0, KNOWN))
    differences = {one.key: found[one.key]["difference"] for one in TISSUES}
    assert differences == {
        one.key: pytest.approx(30 * (n == tissue), abs=1) for n, one in enumerate(TISSUES)
    }
    assert found[TISSUES[tissue].key]["difference_low"] > 15


def test_a_tissue_that_is_not_there_has_no_figure(
    measured: Callable[..., dict[str, dict[str, float]]],
) -> None:
    soft = volumes(4, 0, {50.0: 12})
    found = measured(soft, volumes(4, 1, KNOWN))
    assert LUNG.key not in found
    assert BONE.key not in found
    assert found[SOFT.key]["synthetic"] == pytest.approx(50, abs=3)


def test_peak_and_median_by_hand() -> None:
    rows = np.array([[0.0, 1, 3, 1], [4, 0, 0, 1], [0, 0, 0, 0]])
    assert peak(rows).tolist() == [2, 0, 0]
    assert median(rows).tolist() == [2, 0, 0]
    assert median(np.array([1.0, 1, 1, 1])) == 1


def test_bands_end_with_the_window() -> None:
    about = TissueHu(Interior(Grid(16, -800, 600)), BONE).about
    assert about.protocol["band_hu"] == [150, 600]
    assert TissueHu(Interior(Grid(16, -800, 600)), LUNG).about.protocol["band_hu"] == [-800, -600]


def test_a_tissue_outside_the_window_has_no_figure(as_cohort: Callable[..., Cohort]) -> None:
    images = volumes(2, 0, KNOWN)
    cohorts = Cohorts(as_cohort("synthetic", images), {"train": as_cohort("train", images)})
    within = Interior(Grid(16, -160, 240))
    measured = [TissueHu(within, tissue).measure(cohorts, SAMPLING) for tissue in TISSUES[:3]]
    assert [bool(figures) for figures in measured] == [False, True, True]
