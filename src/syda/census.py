"""What reports may tell of people: nothing that few of them give (small-cell suppression)."""

from collections import Counter
from collections.abc import Iterable, Sequence

from syda.types import Attribute

SMALLEST_CELL = 5
"""Counts of people below this, and figures of fewer, are not told."""

NOT_TOLD = "not told"

Cells = dict[str, int | str]


def text(value: Attribute) -> str:
    """A value as the name of a cell."""
    return "not stated" if value is None else str(value)


def too_few(patients: Iterable[str]) -> bool:
    """Whether these are so few people that what they have in common is not told."""
    return len(set(patients)) < SMALLEST_CELL


def people(pairs: Iterable[tuple[str, str]]) -> Cells:
    """Count patients by a value.

    Args:
        pairs: patient and value, one a series.

    Returns:
        Patients by value, small counts withheld.
    """
    counts = Counter(value for _, value in set(pairs))
    withheld = _withheld(counts)
    return {value: NOT_TOLD if value in withheld else count for value, count in counts.items()}


def series(pairs: Sequence[tuple[str, str]]) -> Cells:
    """Count series by a value, and ``total``; what stands for few patients is not told.

    Args:
        pairs: patient and value, one a series.
    """
    withheld = _withheld(Counter(value for _, value in set(pairs)))
    counts = Counter(value for _, value in pairs)
    told: Cells = {v: NOT_TOLD if v in withheld else count for v, count in counts.items()}
    told["total"] = NOT_TOLD if len(withheld) == 1 else len(pairs)
    return told


def _withheld(counts: Counter[str]) -> set[str]:
    """Values whose counts are small; where one alone is, the next too: the total would tell it."""
    withheld = {value for value, count in counts.items() if count < SMALLEST_CELL}
    if len(withheld) == 1 and len(counts) > 1:
        withheld.add(min(counts.keys() - withheld, key=lambda value: (counts[value], value)))
    return withheld
