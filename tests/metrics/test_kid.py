from collections.abc import Callable

import numpy as np
import pytest
import torch

from degraded import blurred, noisy
from syda.metrics.cohorts import Cohort, Cohorts, Sampling, VoxelGrid
from syda.metrics.estimate import Estimate
from syda.metrics.kid import KernelDistance, WeightedFeatures, mmd2
from syda.metrics.metric import MetricContext

GRID = VoxelGrid(16, -1000, 1000)
SAMPLING = Sampling(0, 10, 200)
MakeVolumes = Callable[..., np.ndarray]
MakeCohort = Callable[..., Cohort]


def draws(vectors: np.ndarray, patients: list[int] | None = None) -> WeightedFeatures:
    """Vectors that count alike, each its own patient's unless it is said whose."""
    owners = np.arange(len(vectors)) if patients is None else np.array(patients)
    return WeightedFeatures(vectors, owners, np.ones((1, len(vectors))))


def loop(x: np.ndarray, y: np.ndarray) -> float:
    """The definition, term by term."""

    def k(a: np.ndarray, b: np.ndarray) -> float:
        product = 0.0
        for left, right in zip(a.tolist(), b.tolist(), strict=True):
            product += left * right
        return (product / len(a) + 1) ** 3

    def within(z: np.ndarray) -> float:
        pairs = [k(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j]
        return sum(pairs) / len(pairs)

    between = [k(a, b) for a in x for b in y]
    return within(x) + within(y) - 2 * sum(between) / len(between)


def test_equals_the_definition_term_by_term() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.3, 1, (7, 5)), rng.normal(0, 2, (4, 5))
    assert mmd2(draws(x), draws(y))[0] == pytest.approx(loop(x, y), abs=1e-10)


def test_equals_monai() -> None:
    from monai.metrics.mmd import compute_mmd

    rng = np.random.default_rng(1)
    x, y = rng.normal(0.3, 1, (6, 3)), rng.normal(0, 1, (6, 3))

    def cubic(z: torch.Tensor) -> torch.Tensor:
        """Features whose scalar product is the kernel: MONAI's own is linear."""
        one = torch.cat([z / 3**0.5, torch.ones(len(z), 1, dtype=z.dtype)], dim=1)
        return torch.einsum("ni,nj,nk->nijk", one, one, one).flatten(1)

    expected = compute_mmd(torch.from_numpy(x), torch.from_numpy(y), cubic)
    assert mmd2(draws(x), draws(y))[0] == pytest.approx(expected.item(), abs=1e-10)


def test_is_symmetric() -> None:
    rng = np.random.default_rng(2)
    x, y = draws(rng.normal(0, 1, (6, 4))), draws(rng.normal(1, 1, (9, 4)))
    assert mmd2(x, y)[0] == pytest.approx(mmd2(y, x)[0], abs=1e-12)


def test_a_whole_weight_is_so_many_patients() -> None:
    """A pair of a vector with its own copy does not count, as it is one patient's."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(0, 1, (3, 4)), draws(rng.normal(1, 1, (5, 4)))
    weighted = WeightedFeatures(x, np.arange(3), np.array([[1.0, 2.0, 3.0]]))
    repeated = draws(x[[0, 1, 1, 2, 2, 2]], [0, 1, 1, 2, 2, 2])
    assert mmd2(weighted, y)[0] == pytest.approx(mmd2(repeated, y)[0], abs=1e-12)


def figure(first: np.ndarray, second: np.ndarray, seed: int) -> tuple[float, float, float]:
    """KID of two sets of vectors with its interval, weights drawn as an evaluation draws them."""
    rng = np.random.default_rng(seed)
    sets = []
    for vectors in (first, second):
        weights = rng.standard_exponential((200, len(vectors)))
        both = np.vstack([np.ones(len(vectors)), weights])
        sets.append(WeightedFeatures(vectors, np.arange(len(vectors)), both))
    value, *replicates = mmd2(*sets)
    detail = Estimate(float(value), np.array(replicates), len(first)).detail()
    return detail["value"], detail["low"], detail["high"]


def test_one_distribution_straddles_zero_and_another_does_not() -> None:
    rng = np.random.default_rng(4)
    same = [figure(*rng.normal(0.5, 1, (2, 24, 16)), seed) for seed in range(100)]
    assert sum(low < 0 < high for _, low, high in same) >= 95
    assert 25 < sum(value > 0 for value, _, _ in same) < 75  # unbiased: on both sides
    moved = [
        figure(rng.normal(0.5, 1, (24, 16)), rng.normal(1.1, 1, (24, 16)), s) for s in range(20)
    ]
    assert all(low > 0 for _, low, _ in moved)


CONTEXT = MetricContext(GRID)

FAULTS = {
    "noise": [lambda x: noisy(x, 0.01), lambda x: noisy(x, 0.05)],
    "blur": [blurred, lambda x: blurred(blurred(x))],
    "shift": [lambda x: np.roll(x, 2, axis=3), lambda x: np.roll(x, 4, axis=3)],
    "mode loss": [lambda x: x[[0, 1, 2] * 3], lambda x: x[[0] * 9]],
}
"""Each fault, and worse of it."""


def test_faults_move_it_up(smooth: MakeVolumes) -> None:
    images = noisy(smooth(18, 16), 0.005)
    sound, real = CONTEXT.efficientnet.extract(images).vectors.reshape(2, 9, -1)
    clean, low, high = figure(sound, real, 0)
    assert low < 0 < high
    for fault, spoilt in FAULTS.items():
        together = np.concatenate([spoil(images[:9]) for spoil in spoilt]).astype(np.float32)
        some, worse = CONTEXT.efficientnet.extract(together).vectors.reshape(2, 9, -1)
        figures = [clean, figure(some, real, 0)[0], figure(worse, real, 0)[0]]
        assert figures == sorted(figures), fault
        assert figures[-1] > high, fault


def test_the_floor_is_the_two_real_splits(smooth: MakeVolumes, as_cohort: MakeCohort) -> None:
    images = smooth(12, 16)
    patients = ["a", "a", "b", "c"]
    real = {
        "train": as_cohort("train", images[3:8], ["p", "q", "r", "s", "s"]),
        "holdout": as_cohort("holdout", images[8:], patients),
    }
    cohorts = Cohorts(as_cohort("synthetic", images[:3]), real)
    metric = KernelDistance(CONTEXT)
    figures = metric.measure(cohorts, SAMPLING)
    vectors = CONTEXT.efficientnet.extract(*cohorts.images).vectors
    train, holdout = draws(vectors[3:8], [0, 1, 2, 3, 3]), draws(vectors[8:], [0, 0, 1, 2])
    assert figures["holdout"].real.value == pytest.approx(mmd2(train, holdout)[0], abs=1e-12)
    assert figures["train"].real.value == pytest.approx(figures["holdout"].real.value, abs=1e-12)
    assert figures["train"].synthetic.value == pytest.approx(
        mmd2(draws(vectors[:3]), train)[0], abs=1e-12
    )
    assert (figures["holdout"].real.n, figures["train"].real.n) == (5, 4)
    assert metric.key == f"kid_poly3_{CONTEXT.efficientnet.space}"
