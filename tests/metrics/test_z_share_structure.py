"""Planted generators: only what differs in place and shape of organs has a share."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from abdomens import GRID, abdomens
from degraded import noisy
from syda.metrics.cohorts import Cohort, Cohorts, Sampling, SeedGrid
from syda.metrics.estimate import MetricResult
from syda.metrics.metric import MetricContext
from syda.metrics.z_share import ZShare
from syda.metrics.z_share_structure import ZShareStructure

SAMPLING = Sampling(7, 10, 100)
Planted = Callable[[np.ndarray], np.ndarray]
"""Real scans to the draws of a generator."""

COUNT = 12
"""Real scans, and draws of each generator."""


@pytest.fixture(scope="module")
def real() -> np.ndarray:
    return abdomens(COUNT, seed=1)


@pytest.fixture(scope="module")
def patients() -> np.ndarray:
    """Others than those of the real scans."""
    return abdomens(COUNT, seed=2)


@pytest.fixture
def result(
    real: np.ndarray, as_cohort: Callable[..., Cohort]
) -> Callable[[type[ZShare], np.ndarray], MetricResult]:
    """Metric class and draws of a generator without properties to the result."""

    def measure(metric: type[ZShare], draws: np.ndarray) -> MetricResult:
        scans = as_cohort("holdout", real)
        vectors = [f"vector-{n % 3}" for n in range(len(draws))]
        seeds = as_cohort("seeds", draws.astype(np.float32), vectors)
        grid = SeedGrid(seeds, {"holdout": np.empty((COUNT, 0))})
        cohorts = Cohorts(scans, {"holdout": scans}, grid)
        return metric(MetricContext(GRID)).measure(cohorts, SAMPLING)["holdout"]

    return measure


def moved_template(real: np.ndarray) -> np.ndarray:
    """One abdomen, shifted by some voxels and scaled by some percent along each axis."""
    rng = np.random.default_rng(0)
    moved = []
    for _ in range(COUNT):
        scale, middle = np.exp(rng.normal(0, 0.1, 3)), (GRID.size - 1) / 2
        offset = middle - scale * middle + rng.normal(0, 1.5, 3)
        moved.append(ndimage.affine_transform(real[0], scale, offset, order=1, cval=-1))
    return np.stack(moved)


def intensity_offset(real: np.ndarray) -> np.ndarray:
    offsets = np.random.default_rng(0).normal(0, 0.1, (COUNT, 1, 1, 1))
    return np.clip(real[0] + offsets, -1, 1)


def mean_scan(real: np.ndarray) -> np.ndarray:
    return np.stack([real.mean(axis=0)] * COUNT)


def white_noise(real: np.ndarray) -> np.ndarray:
    return noisy(mean_scan(real), sd=0.15)


@pytest.mark.parametrize("planted", [moved_template, intensity_offset, white_noise, mean_scan])
def test_a_generator_without_variety_of_anatomy_fails(
    planted: Planted, real: np.ndarray, result: Callable[..., MetricResult]
) -> None:
    found = result(ZShareStructure, planted(real))
    assert found.real.value == pytest.approx(1)
    assert abs(found.synthetic.value) < 0.2 * found.real.value


@pytest.mark.parametrize("planted", [moved_template, white_noise])
def test_the_plain_share_takes_it_for_variety(
    planted: Planted, real: np.ndarray, result: Callable[..., MetricResult]
) -> None:
    found = result(ZShare, planted(real))
    assert found.synthetic.value > 0.5 * found.real.value


@pytest.mark.parametrize("metric", [ZShare, ZShareStructure])
def test_other_patients_have_the_share_of_real_scans(
    metric: type[ZShare], patients: np.ndarray, result: Callable[..., MetricResult]
) -> None:
    found = result(metric, patients)
    assert 0.7 < found.synthetic.value / found.real.value < 1.4


def test_noise_on_scans_changes_little(
    patients: np.ndarray, result: Callable[..., MetricResult]
) -> None:
    quiet = result(ZShareStructure, patients).synthetic.value
    loud = result(ZShareStructure, noisy(patients, sd=0.05)).synthetic.value
    assert loud == pytest.approx(quiet, rel=0.25)


def test_volumes_of_more_voxels_are_reduced(
    real: np.ndarray, as_cohort: Callable[..., Cohort]
) -> None:
    fine = real[:3].repeat(2, axis=1).repeat(2, axis=2).repeat(2, axis=3)
    metric = ZShareStructure(MetricContext(GRID))
    found = [
        metric._products([as_cohort("seeds", images), as_cohort("holdout", images)])["seeds"]
        for images in (real[:3], fine)
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
