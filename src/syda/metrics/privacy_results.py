"""Results of the privacy tests: what each test is, what it found, and all tests in one space."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syda.metrics import subsets
from syda.metrics.cohorts import Floats
from syda.metrics.estimate import rounded
from syda.metrics.metric import Aim

COPY_QUANTILE = 0.05
"""Of held-out scans' distances to the nearest training scan: a nearer volume is a copy."""

HALVES = 200
"""Random halves of the training patients behind a control."""


@dataclass(frozen=True)
class PrivacyTest:
    """A test and how to read it.

    Attributes:
        title: for people.
        aim: where a generator that repeats nothing lies.
        compared_with: ``control`` or ``real``.
        source: paper.
        protocol: the choices behind it.
    """

    title: str
    aim: Aim
    compared_with: str
    source: str
    protocol: Mapping[str, Any]

    def describe(self) -> dict[str, Any]:
        """The test's entry in ``details.json``."""
        return {
            "title": self.title,
            "aim": self.aim,
            "compared_with": self.compared_with,
            "source": self.source,
            "protocol": self.protocol,
        }


_CONTROL = f"{HALVES} random halves of the training patients; low and high are 95 % of them"
_BINOMIAL = "95 % of Clopper and Pearson, which unlike a bootstrap's has a width at 0 and 1"

TESTS = {
    "ratio": PrivacyTest(
        "Distance to the nearest training scan, over that of held-out scans",
        "higher",
        "control",
        "Z. Zhao et al., CTAB-GAN, ACML 2021 (distance to the closest record)",
        {
            "ratio": "median over volumes, over the median over held-out scans",
            "interval": "Bayesian bootstrap of the property vectors and of the held-out patients",
            "control": f"the ratio of {HALVES} random halves of the held-out patients; low and "
            "high are 95 % of them",
        },
    ),
    "nearer_to_train": PrivacyTest(
        "Nearer to a training than to a held-out scan",
        "match",
        "control",
        "M. Platzer, T. Reutterer, Frontiers in Big Data 4, 2021 (share of nearest records)",
        subsets.PROTOCOL | {"control": _CONTROL},
    ),
    "membership_auc": PrivacyTest(
        "Membership test by the nearest synthetic volume, AUC",
        "match",
        "control",
        "D. Chen et al., GAN-Leaks, CCS 2020 (the attack that sees generated samples alone)",
        {
            "score": "distance of a scan to the nearest synthetic volume; a member is nearer",
            "interval": "Bayesian bootstrap of the patients",
            "control": _CONTROL,
        },
    ),
    "authentic": PrivacyTest(
        "Authentic volumes",
        "higher",
        "real",
        "A. M. Alaa et al., ICML 2022 (authenticity)",
        {
            "authentic": "farther from the nearest training scan than that from its nearest other",
            "interval": _BINOMIAL,
            "real": "held-out scans in the place of the synthetic volumes",
        },
    ),
    f"copies_q{COPY_QUANTILE * 100:g}": PrivacyTest(
        "Copies",
        "lower",
        "real",
        "threshold on held-out scans as in S. U. H. Dar et al., arXiv:2402.01054",
        {
            "copy": "nearer to a training scan than this quantile of the held-out scans' distances",
            "quantile": COPY_QUANTILE,
            "interval": _BINOMIAL,
            "real": "held-out scans in the place of the synthetic volumes",
        },
    ),
}
"""The tests by their names in ``details.json``."""

RATIO, NEARER, MEMBERSHIP, AUTHENTIC, COPIES = TESTS

HEADLINE = (RATIO, MEMBERSHIP)
"""The tests in ``metrics.json``."""

NEED_NEARNESS = (RATIO, AUTHENTIC, COPIES)
"""Tests that say nothing where every volume lies farther away than any held-out scan."""


@dataclass(frozen=True)
class Finding:
    """One test in one space.

    Attributes:
        value: share of synthetic volumes, ratio, or AUC.
        low: of its 95 % interval.
        high: likewise.
        n: synthetic volumes, or scans, behind it.
        reference: ``real`` and ``p``, the probability of such a share or a worse one if synthetic
            volumes are like held-out scans; or ``control``, ``control_low``, ``control_high``.
        testable: False for a test of :data:`NEED_NEARNESS` where all volumes are far away.
    """

    value: float
    low: float
    high: float
    n: int
    reference: Mapping[str, float]
    testable: bool = True

    def detail(self) -> dict[str, float | int | str]:
        """Everything, for ``details.json``; ``metrics.json`` has the value alone."""
        numbers = {"value": self.value, "low": self.low, "high": self.high, **self.reference}
        outcome = "tested" if self.testable else "not testable"
        return {
            **{name: rounded(value) for name, value in numbers.items()},
            "n": self.n,
            "outcome": outcome,
        }


@dataclass(frozen=True)
class Audit:
    """The tests in one space of distances.

    Attributes:
        space: its name, in the key.
        title: of the space, for people.
        unit: of a distance.
        findings: by test.
        threshold: distance below which a synthetic volume is a copy.
        median: distance to the nearest training scan, of ``synthetic`` volumes and of ``holdout``
            scans.
        closest: the smallest such distance, likewise.
        listing: ``volume scan distance``: each synthetic volume's nearest training scan.
        nearest: these distances, and those of the held-out scans, by the names of ``median``.
        volumes: which volumes were tested.
    """

    space: str
    title: str
    unit: str
    findings: Mapping[str, Finding]
    threshold: float
    median: Mapping[str, float]
    closest: Mapping[str, float]
    listing: tuple[str, ...]
    nearest: Mapping[str, Floats]
    volumes: str

    @property
    def testable(self) -> bool:
        """Whether a synthetic volume lies as near to training scans as some held-out scan does."""
        return self.findings[RATIO].testable

    def detail(self) -> dict[str, Any]:
        """The findings and what lies behind them, for ``details.json``."""
        return {
            "title": self.title,
            "unit": self.unit,
            "volumes": self.volumes,
            "findings": {name: finding.detail() for name, finding in self.findings.items()},
            "copy_threshold": rounded(self.threshold),
            "median": {name: rounded(value) for name, value in self.median.items()},
            "closest": {name: rounded(value) for name, value in self.closest.items()},
            "nearest": list(self.listing),
        }
