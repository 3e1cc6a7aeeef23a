import numpy as np
import pytest

from syda.metrics import ridge
from syda.metrics.cohorts import Floats


@pytest.fixture
def wide() -> tuple[Floats, Floats]:
    """Twenty inputs of thirty features, and a target that depends on three of them."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(20, 30))
    return inputs, inputs[:, :3].sum(axis=1) + rng.normal(scale=0.5, size=20) + 5


def by_normal_equations(inputs: Floats, target: Floats, penalty: float) -> tuple[Floats, float]:
    """Weight and intercept for an absolute penalty."""
    mean = inputs.mean(axis=0)
    centred = inputs - mean
    system = centred.T @ centred + penalty * np.eye(inputs.shape[1])
    weight = np.linalg.solve(system, centred.T @ (target - target.mean()))
    return weight, float(target.mean() - mean @ weight)


def test_it_solves_the_normal_equations(wide: tuple[Floats, Floats]) -> None:
    inputs, target = wide
    found = ridge.fit(inputs, target)
    unit = float(((inputs - inputs.mean(axis=0)) ** 2).sum(axis=1).mean())
    weight, intercept = by_normal_equations(inputs, target, found.penalty * unit)
    np.testing.assert_allclose(found.weight, weight, atol=1e-9)
    np.testing.assert_allclose(found.predict(inputs), inputs @ weight + intercept, atol=1e-9)


def test_the_penalty_is_that_of_least_error_of_the_input_left_out(
    wide: tuple[Floats, Floats],
) -> None:
    inputs, target = wide
    unit = float(((inputs - inputs.mean(axis=0)) ** 2).sum(axis=1).mean())
    errors = {}
    for penalty in ridge.PENALTIES:
        errors[penalty] = 0.0
        for left_out in range(len(inputs)):
            rest = np.arange(len(inputs)) != left_out
            weight, intercept = by_normal_equations(inputs[rest], target[rest], penalty * unit)
            errors[penalty] += (inputs[left_out] @ weight + intercept - target[left_out]) ** 2
    assert ridge.PENALTIES[0] < min(errors, key=errors.__getitem__) < ridge.PENALTIES[-1]
    assert ridge.fit(inputs, target).penalty == min(errors, key=errors.__getitem__)


def test_a_target_of_noise_has_the_largest_penalty() -> None:
    rng = np.random.default_rng(3)
    found = ridge.fit(rng.normal(size=(40, 200)), rng.normal(size=40))
    assert found.penalty >= 10


def test_equal_inputs_predict_the_mean_for_everything() -> None:
    rng = np.random.default_rng(1)
    found = ridge.fit(np.tile(rng.random(50), (6, 1)), rng.normal(size=6) + 3)
    assert set(found.predict(rng.random((4, 50)))) == {found.intercept}
