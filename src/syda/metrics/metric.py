"""The base of every metric: its spec, its measurement, and what the metrics share."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, TypeVar

from syda.metrics.anatomy import AnatomyCache
from syda.metrics.body_histograms import BodyHistogramCache
from syda.metrics.cohorts import Cohorts, Sampling, VoxelGrid
from syda.metrics.efficientnet import EfficientNetFeatures
from syda.metrics.estimate import MetricResult
from syda.metrics.features import FeatureExtractor

Aim = Literal["match", "lower", "higher"]
"""A good value is close to the real one, low, or high."""

SevenC = Literal[
    "Congruence", "Coverage", "Constraint", "Completeness", "Compliance", "Comprehension",
    "Consistency",
]  # fmt: skip
"""The seven Cs of FDA's scorecard (Zamzmi et al., arXiv:2406.11143)."""


@dataclass(frozen=True)
class MetricGoal:
    """A goal for the held-out scans; a goal in model_card/policy.yaml for the same key replaces it.

    Attributes:
        rule: one of the rules of model_card/policy.yaml.
        bound: of the rule; None for ``chance``.
        reason: why this goal.
    """

    rule: str
    bound: float | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """All that the card, the policy and the docs need to know of a metric.

    Attributes:
        key: in the reports; a metric whose protocol depends on the grid or the network appends it.
        title: name for readers.
        unit: of the value; ``1`` for a number without a unit.
        aim: where a good value lies.
        source: paper or definition.
        criterion: which of the seven Cs the metric belongs to.
        description: one sentence for the docs.
        headline: whether ``metrics.json`` has it; ``details.json`` has every metric.
        goal: None where model_card/policy.yaml sets the goal, or where there is none.
    """

    key: str
    title: str
    unit: str
    aim: Aim
    source: str
    criterion: SevenC
    description: str
    headline: bool = False
    goal: MetricGoal | None = None


class MetricContext:
    """What the metrics of one evaluation share, each part built when it is first used.

    Args:
        grid: of the volumes.
        extractor: the network whose vectors metrics of distributions use; None for
            :attr:`efficientnet`.
    """

    def __init__(self, grid: VoxelGrid, extractor: FeatureExtractor | None = None) -> None:
        self.grid = grid
        self._extractor = extractor

    @cached_property
    def efficientnet(self) -> EfficientNetFeatures:
        """The feature network that is always there.

        Raises:
            CorruptData: the installed weights are not the pinned ones.
        """
        return EfficientNetFeatures(self.grid)

    @property
    def extractor(self) -> FeatureExtractor:
        """The network whose vectors metrics of distributions use."""
        return self._extractor or self.efficientnet

    @cached_property
    def anatomy(self) -> AnatomyCache:
        """Anatomical measures of each volume."""
        return AnatomyCache(self.grid)

    @cached_property
    def bodies(self) -> BodyHistogramCache:
        """Histograms inside each body."""
        return BodyHistogramCache(self.grid)


SpecT = TypeVar("SpecT", bound=MetricSpec)


class Metric(ABC, Generic[SpecT]):
    """A value of the synthetic volumes and the same value of real ones.

    Args:
        context: shared by all metrics of an evaluation.
        spec: one of :attr:`SPECS`.

    Raises:
        UsageError: the metric is undefined on so small a grid.
    """

    SPECS: ClassVar[tuple[Any, ...]]
    """A spec for each value that the class can measure."""

    def __init__(self, context: MetricContext, spec: SpecT | None = None) -> None:
        self.context = context
        self.spec: SpecT = self.SPECS[0] if spec is None else spec

    @property
    def key(self) -> str:
        """Key in the reports; it names the protocol, so another protocol is another key."""
        return self.spec.key

    @property
    def title(self) -> str:
        """Name for readers."""
        return self.spec.title

    @property
    @abstractmethod
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""

    @abstractmethod
    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare the synthetic volumes with every real split.

        Args:
            cohorts: two patients or more in each.
            sampling: seed, pairs and bootstrap.

        Returns:
            Split to result; empty where a cohort is too small for the metric.
        """

    def describe(self) -> dict[str, Any]:
        """The metric's entry in ``details.json``."""
        spec = self.spec
        goal = {} if spec.goal is None else {"goal": asdict(spec.goal)}
        return {
            "key": self.key,
            "title": self.title,
            "unit": spec.unit,
            "aim": spec.aim,
            "source": spec.source,
            "protocol": self.protocol,
            **goal,
        }


class FeatureMetric(Metric[SpecT]):
    """A metric of the distributions of feature vectors, measured with every feature network."""

    @property
    def extractor(self) -> FeatureExtractor:
        """The feature network."""
        return self.context.extractor

    @property
    def title(self) -> str:
        """Name for readers, with the network's if it is not EfficientNet."""
        network = self.extractor.title
        return f"{self.spec.title}, {network}" if network else self.spec.title


MetricT = TypeVar("MetricT", bound=type[Metric[Any]])

REGISTERED: list[type[Metric[Any]]] = []
"""Filled by :func:`register`; :mod:`syda.metrics.registry` imports every file that registers."""


def register(metric: MetricT) -> MetricT:
    """Class decorator: make a metric part of every evaluation."""
    REGISTERED.append(metric)
    return metric
