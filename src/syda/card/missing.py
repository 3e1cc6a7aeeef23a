"""The values that are missing: who has to supply each of them, and since when."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from syda.card.declared import Declarations
from syda.card.facts import CardSection, Fact
from syda.card.releases import Release


@dataclass(frozen=True)
class MissingItem:
    """A missing value, with the role that has to supply it.

    Attributes:
        owner: the role.
        holder: name and contact of who holds it; empty where nobody is named.
        section: number.
        fact: the value.
        since: report version since which it has been missing.
    """

    owner: str
    holder: str
    section: str
    fact: Fact
    since: str

    @property
    def need(self) -> str:
        """What has to be supplied."""
        return self.fact.note or "to be confirmed for this run"


@dataclass(frozen=True)
class MissingGroup:
    """Missing values that one role has to supply for one reason.

    Attributes:
        owner: the role.
        holder: name and contact of who holds it; empty where nobody is named.
        section: number.
        values: names of the values, with their number where it is not 1.
        need: what has to be supplied.
        since: report version since which they have been missing.
    """

    owner: str
    holder: str
    section: str
    values: str
    need: str
    since: str


def grouped(items: Sequence[MissingItem]) -> list[MissingGroup]:
    """Return a group for all values that differ in their name alone, in the order of the first."""
    groups: dict[tuple[str, str, str, str, str], Counter[str]] = {}
    for item in items:
        key = (item.owner, item.holder, item.section, item.need, item.since)
        groups.setdefault(key, Counter())[item.fact.label] += 1
    return [
        MissingGroup(owner, holder, section, _with_numbers(labels), need, since)
        for (owner, holder, section, need, since), labels in groups.items()
    ]


def _with_numbers(labels: Counter[str]) -> str:
    return "; ".join(f"{label} ({n})" if n > 1 else label for label, n in labels.items())


def missing_items(
    sections: Sequence[CardSection], declared: Declarations, earlier: Sequence[Release]
) -> list[MissingItem]:
    """Return every missing value, sorted by role, then in the order of the card.

    Args:
        sections: of the card.
        declared: who holds which role, and the report version.
        earlier: releases with a lower report version, in order.
    """
    now = declared.content.report_version
    found = [
        MissingItem(
            fact.owner,
            _holder(declared, fact.owner),
            section.number,
            fact,
            _since(field, earlier, now),
        )
        for section in sections
        for field, fact in section.fields()
        if fact.missing
    ]
    return sorted(found, key=lambda item: item.owner)


def _holder(declared: Declarations, owner: str) -> str:
    holder = declared.roles.get(owner)
    return f"{holder.name}, {holder.contact}" if holder else ""


def _since(field: str, earlier: Sequence[Release], now: str) -> str:
    """The first of the releases in a row without the value, or this report version."""
    since = now
    for release in reversed(earlier):
        if field not in release.record.value("absent"):
            break
        since = release.version
    return since
