from collections.abc import Callable

import numpy as np
import pytest

from syda.metrics.cohorts import Cohort, Cohorts, Sampling, SeedGrid, VoxelGrid
from syda.metrics.estimate import MetricResult
from syda.metrics.metric import MetricContext
from syda.metrics.z_share import ZShare, coefficients, products, residual_variance

SAMPLING = Sampling(7, 10, 100)
SHAPE = (8, 8, 8)
VECTORS, SEEDS = 8, 6


@pytest.fixture
def measured(as_cohort: Callable[..., Cohort]) -> Callable[..., dict[str, MetricResult]]:
    """Result of draws ``[K, M, ...]``, and real images with their conditions by split."""

    def measure(
        draws: np.ndarray, real: dict[str, tuple[np.ndarray, np.ndarray]]
    ) -> dict[str, MetricResult]:
        vectors = [f"vector-{k}" for k in range(len(draws)) for _ in draws[k]]
        seeds = as_cohort("seeds", np.concatenate(list(draws)), vectors)
        splits = {split: as_cohort(split, images) for split, (images, _) in real.items()}
        grid = SeedGrid(seeds, {split: design for split, (_, design) in real.items()})
        cohorts = Cohorts(as_cohort("synthetic", draws[0]), splits, grid)
        return ZShare(MetricContext(VoxelGrid(8, -1000, 1000))).measure(cohorts, SAMPLING)

    return measure


def scans(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Voxels whose variance is .03 by two properties and .01 by nothing that is known."""
    design = rng.normal(size=(count, 2))
    slopes = rng.choice([-1, 1], (2, *SHAPE)) * np.sqrt([0.02, 0.01])[:, None, None, None]
    images = np.tensordot(design, slopes, 1) + 0.1 * rng.normal(size=(count, *SHAPE))
    return images.astype(np.float32), design


def draws(sd: float, rng: np.random.Generator) -> np.ndarray:
    """Seeds that differ by a standard deviation, around means that differ more."""
    means = rng.normal(0, 0.5, (VECTORS, 1, *SHAPE))
    return (means + sd * rng.normal(size=(VECTORS, SEEDS, *SHAPE))).astype(np.float32)


@pytest.mark.parametrize(("sd", "ratio"), [(0.1, 1.0), (0.05, 0.25), (0.0, 0.0)])
def test_seeds_that_vary_as_scans_of_the_same_properties_have_the_real_share(
    sd: float, ratio: float, measured: Callable[..., dict[str, MetricResult]]
) -> None:
    rng = np.random.default_rng(0)
    found = measured(draws(sd, rng), {"train": scans(43, rng), "holdout": scans(21, rng)})
    assert set(found) == {"train", "holdout"}
    for result in found.values():
        assert result.real.value == pytest.approx(0.25, abs=0.1)
        assert result.real.interval[0] < 0.25 < result.real.interval[1]
        assert result.synthetic.value == pytest.approx(ratio * result.real.value, rel=0.05)
    assert found["holdout"].real.n == 21
    assert found["holdout"].synthetic.n == VECTORS * SEEDS


def test_the_intervals_resample_property_vectors(
    measured: Callable[..., dict[str, MetricResult]],
) -> None:
    """Seeds of one vector are no evidence of what another does."""
    rng = np.random.default_rng(0)
    real = {"holdout": scans(40, rng)}
    alike = draws(0.1, rng)
    differ = alike.copy()
    differ[::2] = differ[::2].mean(axis=1, keepdims=True)
    spread = []
    for images in (alike, differ):
        share = measured(images, real)["holdout"].synthetic
        spread.append(share.standard_error / share.value)
    assert spread[1] > 2 * spread[0]


def test_a_generator_without_properties_is_compared_with_all_that_scans_differ_in(
    measured: Callable[..., dict[str, MetricResult]],
) -> None:
    rng = np.random.default_rng(0)
    images, _ = scans(20, rng)
    found = measured(draws(0.2, rng), {"holdout": (images, np.empty((20, 0)))})["holdout"]
    assert found.real.value == pytest.approx(1)
    assert found.real.standard_error == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("count", "enough"), [(5, False), (6, True)])
def test_a_split_needs_two_scans_a_coefficient(
    count: int, enough: bool, measured: Callable[..., dict[str, MetricResult]]
) -> None:
    rng = np.random.default_rng(0)
    assert ("holdout" in measured(draws(0.1, rng), {"holdout": scans(count, rng)})) is enough


def test_without_a_generator_there_is_no_figure(as_cohorts: Callable[..., Cohorts]) -> None:
    cohorts = as_cohorts(np.zeros((2, *SHAPE)), np.zeros((2, *SHAPE)))
    assert ZShare(MetricContext(VoxelGrid(8, -1000, 1000))).measure(cohorts, SAMPLING) == {}


@pytest.mark.parametrize("columns", [0, 1, 6])
def test_few_scans_and_many_properties_that_say_nothing_leave_all(columns: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(14, 20_000))
    left = residual_variance(
        products(values, values), rng.normal(size=(14, columns)), rng.exponential(size=14)
    )
    assert left == pytest.approx(1, abs=0.05)


def test_equal_weights_give_the_variance_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    design, values = rng.normal(size=(12, 2)), rng.normal(size=(12, 5))
    matrix = np.column_stack([np.ones(12), design])
    (_, squares, _, _) = np.linalg.lstsq(matrix, values, rcond=None)
    left = residual_variance(products(values, values), design, np.full(12, 0.3))
    assert left == pytest.approx(squares.mean() / (12 - 3))


def test_columns_that_say_the_same_are_one_coefficient() -> None:
    sex = np.array([[1.0, 0], [0, 1], [1, 0]])
    assert coefficients(sex) == 2
    assert coefficients(np.ones((3, 1))) == 1
    assert coefficients(np.empty((3, 0))) == 1


def test_noise_of_two_measurements_does_not_count() -> None:
    rng = np.random.default_rng(0)
    values, noise = rng.normal(size=(10, 20_000)), rng.normal(0, 3, (2, 10, 20_000))
    found = residual_variance(products(*(values + noise)), np.empty((10, 0)), np.ones(10))
    assert found == pytest.approx(1, abs=0.1)
