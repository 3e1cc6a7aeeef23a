"""Statistical disclosure control: small counts of patients are suppressed in reports."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from syda.types import Attribute

MIN_CELL_SIZE = 5
"""Smallest count of patients that a report shows."""

SUPPRESSED = "not told"
"""What a report shows instead of a smaller count."""

AGE_GROUP_BOUNDARY = 60
"""Years of age that separate the two age groups of a subset."""

CellCounts = dict[str, int | str]


def cell_name(value: Attribute) -> str:
    """Return an attribute's value as the name of a cell."""
    return "not stated" if value is None else str(value)


def too_few_patients(patients: Iterable[str]) -> bool:
    """Return whether a figure about these patients must be suppressed."""
    return len(set(patients)) < MIN_CELL_SIZE


def count_patients(pairs: Iterable[tuple[str, str]]) -> CellCounts:
    """Count patients by a value, and suppress small counts.

    Args:
        pairs: patient and value of each series.
    """
    counts = Counter(value for _, value in set(pairs))
    small = _suppressed_cells(counts)
    return {value: SUPPRESSED if value in small else count for value, count in counts.items()}


def count_series(pairs: Sequence[tuple[str, str]]) -> CellCounts:
    """Count series by a value, with a ``total``, and suppress counts from few patients.

    Args:
        pairs: patient and value of each series.
    """
    small = _suppressed_cells(Counter(value for _, value in set(pairs)))
    counts = Counter(value for _, value in pairs)
    cells: CellCounts = {v: SUPPRESSED if v in small else count for v, count in counts.items()}
    cells["total"] = SUPPRESSED if len(small) == 1 else len(pairs)
    return cells


def count_part(everyone: set[str], part: set[str]) -> int | str:
    """Count some of the patients. Few of them, or few others, are suppressed; none is shown."""
    others = len(everyone - part)
    is_small = bool(part) and (len(part) < MIN_CELL_SIZE or 0 < others < MIN_CELL_SIZE)
    return SUPPRESSED if is_small else len(part)


def extremes(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return the ends of a range that at least :data:`MIN_CELL_SIZE` patients reach.

    The smallest and the largest value would each be that of one person.

    Args:
        pairs: patient and value of each series.

    Returns:
        ``min`` and ``max``, or nothing if there are too few patients.
    """
    values: dict[str, list[float]] = defaultdict(list)
    for patient, value in pairs:
        values[patient].append(value)
    if len(values) < MIN_CELL_SIZE:
        return {}
    low = sorted(map(min, values.values()))[MIN_CELL_SIZE - 1]
    high = sorted(map(max, values.values()))[-MIN_CELL_SIZE]
    return {"min": low, "max": high} if low <= high else {}


def count_subset(
    whole: Sequence[tuple[str, str]],
    subset: Sequence[tuple[str, str]],
    group: Callable[[str], str] = str,
) -> CellCounts | str:
    """Count the patients of a subset, where :func:`count_patients` of the whole is published too.

    A reader can subtract the subset from the whole. Therefore all counts of the subset are shown or
    none: each group needs :data:`MIN_CELL_SIZE` patients in the subset and, by the published counts
    of the whole, in the rest. The number of patients in the subset is public.

    Args:
        whole: patient and value of each series.
        subset: the same of some of the patients.
        group: group of a value. The whole is counted by value, the subset by group.

    Returns:
        Patients of the subset by group, each counted once, or :data:`SUPPRESSED`.
    """
    counts = Counter(dict(sorted((patient, group(value)) for patient, value in subset)).values())
    published: dict[str, int] = defaultdict(int)
    for value, count in count_patients(whole).items():
        published[group(value)] += count if isinstance(count, int) else 0
    smallest = (min(counts[name], total - counts[name]) for name, total in published.items())
    if any(count < MIN_CELL_SIZE for count in smallest):
        return SUPPRESSED
    return dict(sorted(counts.items()))


def age_group(band: str) -> str:
    """Return the age group of an age band such as ``45-49`` or ``90+``."""
    if not band[0].isdigit():
        return band
    is_younger = int(band.rstrip("+").split("-")[0]) < AGE_GROUP_BOUNDARY
    return f"under {AGE_GROUP_BOUNDARY}" if is_younger else f"{AGE_GROUP_BOUNDARY} and over"


def _suppressed_cells(counts: Counter[str]) -> set[str]:
    """Return values with small counts, and the next ones as long as those would follow.

    A reader knows the total, so also the sum of the suppressed counts. It must be that of
    :data:`MIN_CELL_SIZE` patients or more, over two cells or more that are not all 1.
    """
    small = {value for value, count in counts.items() if count < MIN_CELL_SIZE}
    larger = sorted(counts.keys() - small, key=lambda value: (counts[value], value))
    while small and larger and not _is_ambiguous([counts[value] for value in small]):
        small.add(larger.pop(0))
    return small


def _is_ambiguous(suppressed: Sequence[int]) -> bool:
    total = sum(suppressed)
    return len(suppressed) > 1 and total >= MIN_CELL_SIZE and total > len(suppressed)
