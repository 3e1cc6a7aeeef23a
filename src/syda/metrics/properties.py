"""Property control: does a synthetic volume have the properties that the generator was asked for?

Spearman's rho says whether volumes that were asked for more of a property have more of it; the mean
absolute error says by how much they miss, in the property's unit. The floor is the same figure for
held-out scans: the property that was measured in the scan against the one measured after the scan
went through the model's cube and back. It is what the size of the model's voxels costs alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from syda.metrics.cohorts import Cohort, Floats, Sampling
from syda.metrics.estimate import Estimate, rounded

UNITS = {
    "body_width_mm": "mm",
    "body_depth_mm": "mm",
    "fat_share": "1",
    "bone_share": "1",
    "noise_hu": "HU",
    "scan_length_mm": "mm",
}
"""The properties that an image shows (:class:`syda.types.Properties`) and their units."""

FEWEST = 4
"""Volumes in which a property must be both asked for and measured."""

PROTOCOL = {
    "measured": "syda.volume.properties on the volume resampled to its true voxel size",
    "rho": "Spearman's rank correlation of asked and measured; interval by percentiles",
    "mae": "mean of |measured - asked|",
    "floor": "held-out scans: measured before against after encoding to the model's cube",
    "fewest_volumes": FEWEST,
}

Values = Mapping[str, float | str | None]
"""Property to value; None, or no key, where it is not known."""


@dataclass(frozen=True)
class Answers:
    """What volumes were asked for, and what they show.

    Attributes:
        cohort: the volumes.
        asked: for each volume.
        measured: for each volume.
    """

    cohort: Cohort
    asked: Sequence[Values]
    measured: Sequence[Values]

    def both(self, name: str) -> tuple[Floats, Floats, list[int]]:
        """Asked and measured values of one property, and the volumes that have both."""
        found = [
            (row, asked[name], measured[name])
            for row, (asked, measured) in enumerate(zip(self.asked, self.measured, strict=True))
            if _is_number(asked.get(name)) and _is_number(measured.get(name))
        ]
        x, y = (np.array([line[column] for line in found], np.float64) for column in (1, 2))
        return x, y, [row for row, _, _ in found]

    @property
    def names(self) -> list[str]:
        """Properties that are both asked for and measured in :data:`FEWEST` volumes or more."""
        return [name for name in UNITS if len(self.both(name)[2]) >= FEWEST]


def _is_number(value: float | str | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Agreement:
    """How well measured values follow asked ones.

    Attributes:
        rho: Spearman's rank correlation; None where all asked or all measured values are equal.
        mae: mean absolute error; its spread holds the mean of measured - asked as ``bias``.
    """

    rho: Estimate | None
    mae: Estimate

    def detail(self) -> dict[str, Any]:
        """Both figures with their spread, for ``details.json``."""
        if self.rho is None:
            return {"rho": None, "mae": self.mae.detail()}
        low, high = percentiles(self.rho.replicates)
        return {"rho": self.rho.detail() | {"low": low, "high": high}, "mae": self.mae.detail()}


@dataclass(frozen=True)
class Control:
    """Agreement for one property; ``real`` is None where too few held-out scans show it."""

    unit: str
    synthetic: Agreement
    real: Agreement | None

    def summary(self) -> dict[str, float]:
        """The numbers of ``metrics.json``; a figure that is not defined has no key."""
        found = {"mae": rounded(self.synthetic.mae.value)}
        if self.synthetic.rho:
            found["rho"] = rounded(self.synthetic.rho.value)
        return found

    def detail(self) -> dict[str, Any]:
        """Both agreements, for ``details.json``."""
        real = self.real and self.real.detail()
        return {"unit": self.unit, "synthetic": self.synthetic.detail(), "real": real}


def measure(synthetic: Answers, real: Answers, sampling: Sampling) -> dict[str, Control]:
    """Compare what was asked with what was measured.

    Args:
        synthetic: the generator's volumes.
        real: held-out scans; asked is what was measured in the scan itself.
        sampling: seed and size of the bootstrap.

    Returns:
        Property to its figures, for the properties in :attr:`Answers.names` of the synthetic
        volumes; nothing if none was asked for.
    """
    measurable = set(real.names)
    return {
        name: Control(
            UNITS[name],
            agreement(synthetic, name, sampling),
            agreement(real, name, sampling) if name in measurable else None,
        )
        for name in synthetic.names
    }


def agreement(answers: Answers, name: str, sampling: Sampling) -> Agreement:
    """Rank correlation and error of one property, over the volumes that have both values."""
    asked, measured, rows = answers.both(name)
    weights = sampling.weights(answers.cohort)[:, rows]
    error = np.abs(measured - asked)
    mean = weights @ error / weights.sum(axis=1)
    spread = {"bias": float(np.mean(measured - asked)), "max": float(error.max())}
    rho = None
    if np.ptp(asked) > 0 and np.ptp(measured) > 0:
        value = float(stats.spearmanr(asked, measured).statistic)
        rho = Estimate(value, weighted_spearman(asked, measured, weights), len(rows))
    return Agreement(rho, Estimate(float(error.mean()), mean, len(rows), spread))


def weighted_spearman(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Spearman's rho of values that count unequally: Pearson's r of their weighted ranks.

    A value's rank is the weight below it and half the weight at it, so whole weights give the rho
    of values repeated so many times.

    Args:
        x: ``[n]``, not all equal.
        y: ``[n]``, not all equal.
        weights: ``[B, n]``, positive.

    Returns:
        ``[B]``.
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


def percentiles(replicates: Floats) -> tuple[float, float]:
    """95 % interval of a correlation: unlike 1.96 standard errors it never leaves [-1, 1].

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.
    """
    low, high = np.percentile(replicates, [2.5, 97.5])
    return rounded(low), rounded(high)
