"""The share of volumes that keep a rule, and by name those that do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from syda.metrics.cohorts import Cohort, Floats, Sampling
from syda.metrics.estimate import Estimate, Figure, rounded
from syda.volume.body import Mask

Measured = Mapping[str, float | None]
"""Name of what a rule looks at to what a volume has; None where the volume has no body."""

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
class Verdicts:
    """Whether each volume of a cohort keeps a rule.

    Attributes:
        cohort: the volumes.
        kept: ``[V]``.
        measured: what the rule looked at in each.
    """

    cohort: Cohort
    kept: Mask
    measured: Sequence[Measured]

    def share(self, sampling: Sampling) -> Estimate:
        """Share of the volumes that keep the rule.

        Half a volume that keeps it and half a one that does not are drawn along (Jeffreys' prior):
        without them the bootstrap of n volumes of n has no width, as if they were all there are.

        Source: L. D. Brown, T. T. Cai, A. DasGupta, "Interval estimation for a binomial
        proportion", Statistical Science 16(2), 2001, section 3.1.3.
        """
        weights = sampling.weights(self.cohort)
        generator = sampling.generator("half volumes", self.cohort.label)
        keeps, breaks = generator.gamma(0.5, size=(2, len(weights)))
        replicates = (weights @ self.kept + keeps) / (weights.sum(axis=1) + keeps + breaks)
        return Share(float(self.kept.mean()), replicates, len(self.kept))

    def failing(self) -> dict[str, dict[str, float | None]]:
        """Name to what was measured, for the volumes that break the rule."""
        return {
            name: {key: None if value is None else rounded(value) for key, value in each.items()}
            for name, keeps, each in zip(self.cohort.names, self.kept, self.measured, strict=True)
            if not keeps
        }


@dataclass(frozen=True)
class KeptFigure(Figure):
    """Share of the synthetic volumes that keep a rule beside that of real ones.

    Attributes:
        failing: origin to name to what was measured, for the volumes that break it.
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


def beside(synthetic: Verdicts, real: Verdicts, sampling: Sampling) -> KeptFigure:
    """Return the share of the synthetic volumes that keep a rule beside that of the real ones."""
    return KeptFigure(
        synthetic.share(sampling),
        real.share(sampling),
        {"synthetic": synthetic.failing(), "real": real.failing()},
    )
