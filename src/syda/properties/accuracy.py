"""Accuracy of requested properties: rank correlation of requested and measured values.

The functions take plain arrays. :mod:`syda.metrics.conditioning` adds cohorts and intervals.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from syda.properties.schema import MEASURED

Floats = NDArray[np.float64]

Values = Mapping[str, float | str | None]
"""Property to value; None, or no key, where it is unknown."""

MIN_VOLUMES = 4
"""Volumes that must have both a requested and a measured value of a property."""


def matched_values(
    key: str, requested: Sequence[Values], measured: Sequence[Values]
) -> tuple[Floats, Floats, list[int]]:
    """Return requested and measured numbers of the volumes that have both, and their rows.

    >>> x, y, rows = matched_values("noise_hu", [{"noise_hu": 9}, {}], [{"noise_hu": 8.5}, {}])
    >>> x.tolist(), y.tolist(), rows
    ([9.0], [8.5], [0])
    """
    found = [
        (row, wanted[key], shown[key])
        for row, (wanted, shown) in enumerate(zip(requested, measured, strict=True))
        if _is_number(wanted.get(key)) and _is_number(shown.get(key))
    ]
    x, y = (np.array([line[column] for line in found], np.float64) for column in (1, 2))
    return x, y, [row for row, _, _ in found]


def comparable_properties(requested: Sequence[Values], measured: Sequence[Values]) -> list[str]:
    """Return the properties that :data:`MIN_VOLUMES` volumes or more have both values of."""
    return [
        key for key in MEASURED if len(matched_values(key, requested, measured)[2]) >= MIN_VOLUMES
    ]


def _is_number(value: float | str | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def weighted_spearman(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Spearman's rho of weighted values: Pearson's r of their weighted ranks.

    The rank of a value is the weight below it and half the weight at it. Integer weights therefore
    give the rho of values that are repeated so many times.

    Args:
        x: ``[n]``, not all equal.
        y: ``[n]``, not all equal.
        weights: ``[B, n]``, positive.

    Returns:
        ``[B]``.

    >>> x, y = np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 3])
    >>> weighted_spearman(x, y, np.ones((1, 4))).round(2).tolist()
    [0.8]
    """
    total = weights.sum(axis=1, keepdims=True)
    ranks = []
    for values in (x, y):
        below = (values < values[:, None]) + 0.5 * (values == values[:, None])
        rank = weights @ below.T
        ranks.append(rank - (weights * rank).sum(axis=1, keepdims=True) / total)
    first, second = ranks
    product, squares, others = (
        (weights * a * b).sum(axis=1)
        for a, b in ((first, second), (first, first), (second, second))
    )
    rho: Floats = np.clip(product / np.sqrt(squares * others), -1, 1)
    return rho


def percentile_interval(replicates: Floats) -> tuple[float, float]:
    """Return the 95 % percentile interval of a correlation, which never leaves [-1, 1].

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.
    """
    low, high = np.percentile(replicates, [2.5, 97.5])
    return float(low), float(high)
