from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from degraded import blurred, noisy
from fixed_features import fixed
from syda.metrics.cohorts import Cohorts, Sampling, VoxelGrid
from syda.metrics.metric import MetricContext
from syda.metrics.prdc import PRDC, coverage, density, precision, radii, recall

GRID = VoxelGrid(16, -1000, 1000)
SAMPLING = Sampling(0, 10, 100)


def on_a_line(real: list[float], synthetic: list[float]) -> tuple[np.ndarray, ...]:
    x, y = np.array(real)[:, None], np.array(synthetic)[:, None]
    return cdist(x, x), cdist(y, y), cdist(x, y)


def test_a_radius_reaches_the_kth_other() -> None:
    within, *_ = on_a_line([0, 1, 3, 3], [])
    assert radii(within, 1).tolist() == [1, 1, 0, 0]
    assert radii(within, 2).tolist() == [3, 2, 2, 2]


@pytest.mark.parametrize(
    ("synthetic", "expected"),
    [
        ([1.5, 2.5, 12.0], [2 / 3, 3 / 4, 1, 2 / 4]),
        ([4.0, 4.0, 4.0], [1, 0, 2, 2 / 4]),
        ([0.0, 1.0, 3.0, 7.0], [1, 1, 2, 1]),
        ([20.0, 21.0], [0, 0, 0, 0]),
    ],
)
def test_on_a_line_by_hand(synthetic: list[float], expected: list[float]) -> None:
    """Precision, recall, density, coverage for k = 1.

    Real balls: [-1, 1], [0, 2], [1, 5], [3, 11]. The synthetic ones of the first case: [0.5, 2.5],
    [1.5, 3.5], [2.5, 21.5].
    """
    matrices = on_a_line([0, 1, 3, 7], synthetic)
    found = [spec.of(*matrices, 1) for spec in PRDC.SPECS]
    assert found == pytest.approx(expected)


def test_recall_swaps_the_roles_of_precision() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (9, 4)), rng.normal(0.5, 1, (13, 4))
    real, synthetic, across = cdist(x, x), cdist(y, y), cdist(x, y)
    swapped = precision(synthetic, real, across.T, 3)
    assert recall(real, synthetic, across, 3) == swapped


def test_one_distribution_has_density_one() -> None:
    """Naeem et al.: the expectation is 1, and that of coverage 1 - (m - 1)...(m - k) /
    (2m - 1)...(2m - k) for m of each."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(300):
        x, y = rng.normal(size=(2, 20, 6))
        real, synthetic, across = cdist(x, x), cdist(y, y), cdist(x, y)
        found.append([
            density(real, synthetic, across, 5), coverage(real, synthetic, across, 5)
        ])  # fmt: skip
    steps = np.arange(1, 6)
    expected = 1 - np.prod((20 - steps) / (40 - steps))
    assert np.mean(found, axis=0) == pytest.approx([1, expected], abs=0.03)


def test_faults_move_them_down(
    smooth: Callable[..., np.ndarray], as_cohorts: Callable[..., Cohorts]
) -> None:
    context = MetricContext(GRID)
    images = noisy(smooth(36, 16), 0.005)

    def measured(synthetic: np.ndarray) -> dict[str, float]:
        cohorts = as_cohorts(synthetic.astype(np.float32), images[12:24], images[24:])
        return {
            spec.key: PRDC(context, spec).measure(cohorts, SAMPLING)["train"].synthetic.value
            for spec in PRDC.SPECS
        }

    sound = images[:12]
    clean = measured(sound)
    assert min(clean.values()) > 0.6
    noise, blur = measured(noisy(sound, 0.1)), measured(blurred(blurred(sound)))
    assert all(noise[name] < 0.1 * clean[name] for name in clean)
    assert all(blur[name] < 0.9 * clean[name] for name in clean)
    lost = measured(sound[[0] * 12])
    assert lost["recall"] == 0
    assert lost["coverage"] < clean["coverage"]


def test_the_baseline_is_the_other_split_and_few_patients_have_none(
    as_cohorts: Callable[..., Cohorts], empty: Callable[[int], np.ndarray]
) -> None:
    """With cohorts of one size every draw is the whole, so the value is the definition's."""
    vectors = np.random.default_rng(2).normal(size=(36, 5))
    x, t, h = vectors.reshape(3, 12, 5)
    for spec in PRDC.SPECS:
        metric = PRDC(fixed(vectors), spec)
        results = metric.measure(as_cohorts(empty(12), empty(12)), SAMPLING)
        expected = spec.of(cdist(t, t), cdist(x, x), cdist(t, x), spec.k)
        assert results["train"].synthetic.value == pytest.approx(expected)
        assert results["train"].synthetic.n == 12
        expected = spec.of(cdist(h, h), cdist(t, t), cdist(h, t), spec.k)
        assert results["holdout"].real.value == pytest.approx(expected)
        assert metric.measure(as_cohorts(empty(11), empty(12)), SAMPLING) == {}
        assert f"_k{spec.k}_" in metric.key
