"""Ridge regression whose penalty is chosen by leave-one-out."""

from dataclasses import dataclass

import numpy as np

from syda.metrics.cohorts import Floats

PENALTIES = tuple(float(f"1e{power}") for power in range(-4, 4))
"""Relative to the mean squared length of the centred inputs."""


@dataclass(frozen=True)
class Ridge:
    """A fitted regression.

    Attributes:
        inputs_mean: ``[d]``.
        weight: ``[d]``.
        intercept: mean of the target.
        penalty: the chosen one of :data:`PENALTIES`.
    """

    inputs_mean: Floats
    weight: Floats
    intercept: float
    penalty: float

    def predict(self, inputs: Floats) -> Floats:
        """Predict the target of ``[n, d]`` inputs: ``[n]``."""
        predicted: Floats = (inputs - self.inputs_mean) @ self.weight + self.intercept
        return predicted


def fit(inputs: Floats, target: Floats) -> Ridge:
    """Fit by the singular values of the centred inputs; the intercept is not penalised.

    An error of leave-one-out is the residual over 1 - h, with h the leverage of the input.

    Source: Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2009, sections
    3.4.1 and 7.10.1.

    Args:
        inputs: ``[n, d]``; n may be smaller than d. If all are equal, the mean is predicted.
        target: ``[n]``.

    >>> x = np.arange(8.0)[:, None]
    >>> fit(x, 3 * x[:, 0] + 1).predict(np.array([[10.0]])).round(1).tolist()
    [31.0]
    """
    mean, intercept = inputs.mean(axis=0), float(target.mean())
    left, singular, right = np.linalg.svd(inputs - mean, full_matrices=False)
    # As numpy's matrix_rank: smaller ones are the rounding of the mean.
    noise = np.linalg.norm(inputs) * max(inputs.shape) * np.finfo(np.float64).eps
    singular[singular <= noise] = 0
    squared, centred = singular**2, target - intercept
    unit = float(squared.sum()) / len(target) or 1.0
    along = left.T @ centred

    def error(penalty: float) -> float:
        shrinkage = squared / (squared + penalty * unit)
        leverage = 1 / len(target) + left**2 @ shrinkage
        return float((((centred - left @ (shrinkage * along)) / (1 - leverage)) ** 2).sum())

    chosen = min(PENALTIES, key=error)
    weight = right.T @ (singular / (squared + chosen * unit) * along)
    return Ridge(mean, weight, intercept, chosen)
