"""Figures by group of people: which groups there are, and what a comparison could have shown."""

from syda.card import power
from syda.card.documents import Document
from syda.card.facts import Fact


def facts(pack: Document) -> dict[str, Fact]:
    """Return the smallest difference between two groups of held-out patients that could be seen.

    No figure is computed for a group. These facts say how little it would show.

    Args:
        pack: report of the stage, with the number of held-out patients in each group.
    """
    found = {}
    for name, groups in (("sex", "two sexes"), ("age", "two age groups")):
        counts = pack.value("holdout_people", name)
        label = f"Smallest difference between {groups} that the held-out patients could show"
        source = (pack.pointer("holdout_people", name),)
        sizes = list(counts.values()) if isinstance(counts, dict) else []
        found[f"power_{name}"] = (
            Fact(
                label, power.smallest_difference(*sizes), "derived", source, "standard deviations",
                note="two-sided test at 5 % with a power of 80 %",
            )
            if len(sizes) == 2 and all(isinstance(size, int) for size in sizes)
            else Fact(label, "none: a group has too few patients to be counted", "derived", source)
        )  # fmt: skip
    return found
