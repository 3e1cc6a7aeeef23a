"""Pass rate: the share of volumes that pass a rule, and the names of those that fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from syda.metrics.cohorts import Cohort, Floats, Sampling
from syda.metrics.estimate import Estimate, MetricResult, rounded
from syda.volume.body import Mask

Measured = Mapping[str, float | None]
"""Name of a measure to its value in a volume; None where the volume has no body."""

INTERVAL = "middle 95 % of the Bayesian bootstrap of patients, Jeffreys' prior"


class Share(Estimate):
    """A share of volumes, whose interval stays between 0 and 1."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval: percentiles of the replicates, up to the share itself at 0 and 1.

        Source: Brown, Cai and DasGupta, Statistical Science 16(2), 2001, section 3.1.3.
        """
        return _middle(self.value, self.replicates)


def _middle(value: float, replicates: Floats) -> tuple[float, float]:
    low, high = np.percentile(replicates, [2.5, 97.5])
    return rounded(min(low, value)), rounded(max(high, value))


@dataclass(frozen=True)
class RuleResults:
    """Whether each volume of a cohort passes a rule.

    Attributes:
        cohort: the volumes.
        passes: ``[V]``.
        measured: the rule's measures of each volume.
    """

    cohort: Cohort
    passes: Mask
    measured: Sequence[Measured]

    def share(self, sampling: Sampling) -> Estimate:
        """Share of the volumes that pass.

        Half a volume that passes and half a volume that fails are added (Jeffreys' prior). Without
        them the bootstrap of n passing volumes of n has no width.

        Source: L. D. Brown, T. T. Cai, A. DasGupta, "Interval estimation for a binomial
        proportion", Statistical Science 16(2), 2001, section 3.1.3.
        """
        weights = sampling.weights(self.cohort)
        generator = sampling.generator("half volumes", self.cohort.label)
        passing, failing = generator.gamma(0.5, size=(2, len(weights)))
        replicates = (weights @ self.passes + passing) / (weights.sum(axis=1) + passing + failing)
        return Share(float(self.passes.mean()), replicates, len(self.passes))

    def failing(self) -> dict[str, dict[str, float | None]]:
        """Name to measures of the volumes that fail."""
        return {
            name: {key: None if value is None else rounded(value) for key, value in each.items()}
            for name, passes, each in zip(
                self.cohort.names, self.passes, self.measured, strict=True
            )
            if not passes
        }


@dataclass(frozen=True)
class PassRate(MetricResult):
    """Share of the synthetic volumes that pass a rule, with that of real ones.

    Attributes:
        failing: origin to name to measures, for the volumes that fail.
    """

    failing: Mapping[str, Mapping[str, Measured]]

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference: percentiles of the replicates' differences."""
        replicates = self.synthetic.replicates - self.real.replicates
        return _middle(self.synthetic.value - self.real.value, replicates)

    def detail(self) -> dict[str, Any]:
        """Both estimates, and the volumes that fail by name, for ``details.json``."""
        return super().detail() | {"failing": self.failing}


def compare_to_real(synthetic: RuleResults, real: RuleResults, sampling: Sampling) -> PassRate:
    """Return the pass rate of the synthetic volumes with that of the real ones.

    >>> images = np.zeros((4, 8, 8, 8), np.float32)
    >>> cohort = Cohort("holdout", images, tuple("abcd"), tuple("abcd"))
    >>> passes = np.array([True, True, True, False])
    >>> results = RuleResults(cohort, passes, [{"shift": 0.01 * n} for n in range(4)])
    >>> rate = compare_to_real(results, results, Sampling(seed=7, pairs=10, bootstrap=100))
    >>> rate.compared(), rate.failing["real"]
    ({'synthetic': 0.75, 'real': 0.75}, {'d': {'shift': 0.03}})
    """
    return PassRate(
        synthetic.share(sampling),
        real.share(sampling),
        {"synthetic": synthetic.failing(), "real": real.failing()},
    )
