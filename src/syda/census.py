"""What reports may tell of people: nothing that few of them give (small-cell suppression)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from syda.types import Attribute

SMALLEST_CELL = 5
"""Counts of people below this, and figures of fewer, are not told."""

NOT_TOLD = "not told"

ELDER_YEARS = 60
"""Where the two groups meet that the ages of a part are told in."""

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


def part_of(
    whole: Sequence[tuple[str, str]],
    part: Sequence[tuple[str, str]],
    group: Callable[[str], str] = str,
) -> Cells | str:
    """Count the patients of a part, beside the counts of the whole that :func:`people` tells.

    The rest of the whole can be worked out from both, so all counts of the part are told or none:
    where each group has enough people in the part and, of those that the whole tells, in the rest.
    A sum over all groups is then the number of patients in the part, which is no secret.

    Args:
        whole: patient and value, one a series.
        part: those of some patients.
        group: of a value; the whole is told by value, the part by group.

    Returns:
        Patients of the part by group, each once, or that nothing is told.
    """
    counts = Counter(dict(sorted((patient, group(value)) for patient, value in part)).values())
    told: dict[str, int] = defaultdict(int)
    for value, count in people(whole).items():
        told[group(value)] += count if isinstance(count, int) else 0
    if any(min(counts[name], told[name] - counts[name]) < SMALLEST_CELL for name in told):
        return NOT_TOLD
    return dict(sorted(counts.items()))


def age_group(band: str) -> str:
    """The half of all ages that a band such as ``45-49`` or ``90+`` lies in."""
    if not band[0].isdigit():
        return band
    youngest = int(band.rstrip("+").split("-")[0])
    return f"under {ELDER_YEARS}" if youngest < ELDER_YEARS else f"{ELDER_YEARS} and over"


def _withheld(counts: Counter[str]) -> set[str]:
    """Values whose counts are small; where one alone is, the next too: the total would tell it."""
    withheld = {value for value, count in counts.items() if count < SMALLEST_CELL}
    if len(withheld) == 1 and len(counts) > 1:
        withheld.add(min(counts.keys() - withheld, key=lambda value: (counts[value], value)))
    return withheld
