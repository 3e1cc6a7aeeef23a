"""The status of each section, computed from its facts and sign-offs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from syda.card import signoffs
from syda.card.facts import APPENDICES, CardSection, Fact
from syda.card.signoffs import SignOff

State = Literal["complete", "partial", "awaiting", "stale sign-off", "not applicable"]
"""The last is a state in releases up to 0.2 alone."""


@dataclass(frozen=True)
class Status:
    """Status of one of the ten sections.

    Attributes:
        number: of the section.
        title: of the section.
        present: number of values that are not absent.
        missing: values that are absent, or not confirmed for this data version.
        digest: of the section's text, which a signer quotes.
        signed: the sign-offs of the section.
    """

    number: str
    title: str
    present: int
    missing: tuple[Fact, ...]
    digest: str = ""
    signed: tuple[SignOff, ...] = ()

    @property
    def state(self) -> State:
        """Stale if the text has changed since a sign-off; else by the number of values."""
        if any(self.stale(one) for one in self.signed):
            return "stale sign-off"
        if not self.missing:
            return "complete"
        return "partial" if self.present else "awaiting"

    def stale(self, signed: SignOff) -> bool:
        """Whether the text has changed since the sign-off."""
        return signed.digest != self.digest

    @property
    def owners(self) -> list[str]:
        """Roles that have to supply a value, in the order of the values."""
        return list(dict.fromkeys(fact.owner for fact in self.missing))

    @property
    def words(self) -> str:
        """The status as a reader sees it."""
        stale = [f"stale sign-off: {s.role}, {s.date}" for s in self.signed if self.stale(s)]
        holds = [f"signed off: {s.role}, {s.date}" for s in self.signed if not self.stale(s)]
        filled = "complete"
        if self.missing:
            total = self.present + len(self.missing)
            filled = f"{len(self.missing)} of {total} values missing"
        return "; ".join([*stale, filled, *holds])

    def as_json(self) -> dict[str, Any]:
        """Return the status as plain data."""
        return {
            "state": self.state,
            "present": self.present,
            "missing": [fact.label for fact in self.missing],
            "owners": self.owners,
            "digest": self.digest,
            "signoffs": [one.as_json(stale=self.stale(one)) for one in self.signed],
        }


def of_sections(sections: Sequence[CardSection]) -> list[Status]:
    """Return the status of each top-level section; sub-sections count with theirs."""
    statuses = []
    for section in sections:
        if "." not in section.number and section.number not in APPENDICES:
            parts = [s for s in sections if s.number.split(".")[0] == section.number]
            statuses.append(_status(section, [f for part in parts for f in part.all_facts()]))
    return statuses


def _status(section: CardSection, facts: Iterable[Fact]) -> Status:
    facts = list(facts)
    missing = tuple(fact for fact in facts if fact.missing)
    return Status(section.number, section.title, len(facts) - len(missing), missing)


def signed(
    statuses: Sequence[Status], texts: Mapping[str, str], signed_off: Sequence[SignOff]
) -> list[Status]:
    """Return the statuses with the digests of the sections' texts, and with their sign-offs."""
    return [
        replace(
            one,
            digest=signoffs.digest(texts[one.number]),
            signed=tuple(sign for sign in signed_off if sign.section == one.number),
        )
        for one in statuses
    ]
