"""The values that are missing: who has to supply each of them, and since when."""

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
