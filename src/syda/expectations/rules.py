"""What can be asked of a set of volumes: a rule says it in words and, in data, how it is decided.

:mod:`syda.expectations.suites` makes the rules, :mod:`syda.expectations.runner` hands them to Great
Expectations.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self

Severity = Literal["critical", "warning"]
"""``critical`` stops the pipeline where the rule does not hold; a ``warning`` is shown."""

SPACING = ("spacing_i", "spacing_j", "spacing_k")
SHAPE = ("shape_i", "shape_j", "shape_k")


@dataclass(frozen=True)
class Within:
    """Every readable volume has these columns, each between the bounds (both included).

    A bound is None where only the other one counts. The unit ``%`` is of shares from 0 to 1.
    """

    columns: tuple[str, ...]
    low: float | None
    high: float | None
    unit: str = ""


@dataclass(frozen=True)
class Isotropic:
    """Every readable volume has one voxel size along i, j and k.

    Attributes:
        spacing_mm: that size, mm; None where each volume has its own.
        tolerance_mm: allowed deviation from it, or of one axis from another, mm.
    """

    spacing_mm: float | None
    tolerance_mm: float


@dataclass(frozen=True)
class Equals:
    """Every readable volume has this column, and this value in it."""

    column: str
    value: str


@dataclass(frozen=True)
class Different:
    """Every readable volume has this column, and no two share a value."""

    column: str


@dataclass(frozen=True)
class Blank:
    """A column that says what is wrong or lacking is empty in this share of readable volumes."""

    column: str
    share: float = 1.0


@dataclass(frozen=True)
class Readable:
    """No file of the set has a fault."""


@dataclass(frozen=True)
class AtLeast:
    """At least so many volumes can be read, in one split or in the set."""

    count: int
    split: str | None = None


@dataclass(frozen=True)
class Impossible:
    """Nothing in the set decides the rule; ``why`` says what is not there."""

    why: str


Check = Within | Isotropic | Equals | Different | Blank | Readable | AtLeast | Impossible


@dataclass(frozen=True)
class Rule:
    """One expectation.

    Attributes:
        name: short and stable, for machines.
        sentence: what is asked for, in words.
        check: how it is decided.
        severity: whether it stops the pipeline.
    """

    name: str
    sentence: str
    check: Check
    severity: Severity = "critical"

    def as_warning(self) -> Self:
        """The same rule, which stops nothing."""
        return replace(self, severity="warning")

    def impossible(self, why: str) -> Self:
        """The same rule where it cannot be checked."""
        return replace(self, check=Impossible(why))
