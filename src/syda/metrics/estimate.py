"""Values with their uncertainty: a mean over pairs of volumes, and a difference of two values."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syda.metrics.cohorts import Cohort, Floats, Sampling

Z95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""

DECIMALS = 6
"""Of every number in a report. Further digits are rounding noise."""


def rounded(value: float) -> float:
    """Round to :data:`DECIMALS`, without a negative zero."""
    return round(float(value), DECIMALS) + 0.0


@dataclass(frozen=True)
class Estimate:
    """One value with its uncertainty.

    Attributes:
        value: the point estimate.
        replicates: ``[bootstrap]`` the value under the bootstrap's weights.
        n: pairs or volumes behind it.
        spread: statistics of single pairs or volumes, by name.
        listing: ``first second value`` of every pair, where a sample of pairs was drawn.

    >>> Estimate(2.0, np.array([1.0, 3.0]), n=2).interval
    (-0.771808, 4.771808)
    """

    value: float
    replicates: Floats
    n: int
    spread: dict[str, float] = field(default_factory=dict)
    listing: Sequence[str] = ()

    @property
    def standard_error(self) -> float:
        """Standard deviation of the bootstrap replicates."""
        return float(self.replicates.std(ddof=1))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval, see :func:`interval`."""
        return interval(self.value, self.replicates)

    def listed(self, values: Floats, pairs: "Pairs", names: Sequence[str]) -> "Estimate":
        """Return the estimate with every pair of a cohort and its value by name."""
        rows = zip(pairs.first, pairs.second, values, strict=True)
        listing = [f"{names[a]} {names[b]} {value:.{DECIMALS}f}" for a, b, value in rows]
        return replace(self, listing=listing)

    def detail(self) -> dict[str, Any]:
        """Everything but the replicates, for ``details.json``."""
        low, high = self.interval
        return {
            "value": rounded(self.value),
            "standard_error": rounded(self.standard_error),
            "low": low,
            "high": high,
            "n": self.n,
            "spread": {name: rounded(value) for name, value in self.spread.items()},
            "pairs": list(self.listing),
        }


@dataclass(frozen=True)
class MetricResult:
    """A metric of the synthetic volumes and the same metric of real ones.

    >>> result = MetricResult(
    ...     Estimate(3.0, np.array([2.9, 3.1]), 2), Estimate(1.0, np.array([0.9, 1.1]), 2)
    ... )
    >>> result.compared(), result.interval
    ({'synthetic': 3.0, 'real': 1.0}, (2.0, 2.0))
    """

    synthetic: Estimate
    real: Estimate

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference, see :func:`interval`."""
        difference = self.synthetic.value - self.real.value
        return interval(difference, self.synthetic.replicates - self.real.replicates)

    def summary(self) -> dict[str, float | int]:
        """The result in seven numbers; ``difference`` is synthetic - real."""
        difference = self.synthetic.value - self.real.value
        low, high = self.interval
        return {
            "synthetic": rounded(self.synthetic.value),
            "real": rounded(self.real.value),
            "difference": rounded(difference),
            "difference_low": low,
            "difference_high": high,
            "n_synthetic": self.synthetic.n,
            "n_real": self.real.n,
        }

    def compared(self) -> dict[str, float | int]:
        """Both values, for ``metrics.json``."""
        summary = self.summary()
        return {of: summary[of] for of in ("synthetic", "real")}

    def detail(self) -> dict[str, Any]:
        """Both estimates with their spread, and their difference, for ``details.json``."""
        summary = self.summary()
        return {
            "synthetic": self.synthetic.detail(),
            "real": self.real.detail(),
            "difference": {
                "value": summary["difference"],
                "low": summary["difference_low"],
                "high": summary["difference_high"],
            },
        }


def interval(value: float, replicates: Floats) -> tuple[float, float]:
    """95 % interval: the value and 1.96 bootstrap standard errors to each side.

    Percentiles of the replicates would be wrong for a distance between distributions: it cannot be
    below zero, so the bootstrap's noise raises every replicate.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 12.
    """
    half = Z95 * float(replicates.std(ddof=1))
    return rounded(value - half), rounded(value + half)


@dataclass(frozen=True)
class Pairs:
    """Pairs of volumes: row ``first`` of one cohort with row ``second`` of another or the same."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.first)


def pairs_within(cohort: Cohort) -> Pairs:
    """Every pair of volumes of different patients, once."""
    first, second = np.triu_indices(len(cohort), k=1)
    apart = cohort.patient_index[first] != cohort.patient_index[second]
    return Pairs(first[apart], second[apart])


def pairs_between(cohort: Cohort, other: Cohort) -> Pairs:
    """Every volume of one cohort with every volume of another."""
    first, second = np.indices((len(cohort), len(other))).reshape(2, -1)
    return Pairs(first, second)


def sample_pairs(pairs: Pairs, count: int, generator: np.random.Generator) -> Pairs:
    """Draw so many pairs without replacement, in their order; all pairs if there are fewer."""
    if len(pairs) <= count:
        return pairs
    chosen = np.sort(generator.choice(len(pairs), count, replace=False))
    return Pairs(pairs.first[chosen], pairs.second[chosen])


def mean_over_pairs(
    values: Floats, pairs: Pairs, cohorts: tuple[Cohort, Cohort], sampling: Sampling
) -> Estimate:
    """Mean of a value over pairs; a pair weighs the product of its volumes' bootstrap weights.

    Pairs that share a volume are not independent, so the patients are resampled.

    Args:
        values: ``[P]``, one a pair.
        pairs: rows of the first and of the second cohort.
        cohorts: the cohorts that ``first`` and ``second`` count in; twice the same within one.
        sampling: seed and size of the bootstrap.
    """
    first, second = (sampling.weights(cohort) for cohort in cohorts)
    replicates = np.array(
        [
            np.average(values, weights=a[pairs.first] * b[pairs.second])
            for a, b in zip(first, second, strict=True)
        ]
    )
    return Estimate(float(values.mean()), replicates, len(values), spread_of(values))


def spread_of(values: Floats) -> dict[str, float]:
    """Standard deviation, extremes and median of single values."""
    return {
        "sd": float(values.std()),
        "min": float(values.min()),
        "median": float(np.median(values)),
        "max": float(values.max()),
    }
