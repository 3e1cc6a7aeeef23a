"""What a metric is: who it is, and how it measures."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from syda.metrics.cohorts import Cohorts, Sampling
from syda.metrics.estimate import Figure

Aim = Literal["match", "lower", "higher"]
"""Where a good generator's figure lies: at the real one, below all others, or above them."""


@dataclass(frozen=True)
class About:
    """A metric's identity and how to read it.

    Attributes:
        key: in ``metrics.json``; names the protocol, so that two keys are never compared.
        title: for people.
        unit: of the figure; ``1`` for a bare number.
        aim: where a good generator's figure lies.
        source: paper or definition.
        protocol: every choice behind the figure.
    """

    key: str
    title: str
    unit: str
    aim: Aim
    source: str
    protocol: dict[str, Any]


class Metric(Protocol):
    """A figure of the synthetic volumes and the same figure of real ones."""

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        ...

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split.

        Args:
            cohorts: at least two patients in each.
            sampling: seed, pairs and bootstrap.

        Returns:
            Split to figure; none at all where a cohort is too small for the metric.
        """
        ...
