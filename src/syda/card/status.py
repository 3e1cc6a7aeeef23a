"""How far each section is, computed from its facts: nobody types a status."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from syda.card.schema import APPENDICES, Fact, Section

State = Literal["complete", "partial", "awaiting"]


@dataclass(frozen=True)
class Status:
    """How far one of the checklist's ten sections is.

    Attributes:
        number: of the section.
        title: of the section.
        state: complete; partial where some values are absent; awaiting where all are.
        present: number of values that are there.
        missing: those that are not.
    """

    number: str
    title: str
    state: State
    present: int
    missing: tuple[Fact, ...]

    @property
    def owners(self) -> list[str]:
        """Roles that owe a value, in the order of the values."""
        return list(dict.fromkeys(fact.owner for fact in self.missing))

    @property
    def words(self) -> str:
        """The status as a reader sees it."""
        if self.state == "complete":
            return "complete"
        who = ", ".join(self.owners)
        if self.state == "awaiting":
            return f"awaiting: {who}"
        total = self.present + len(self.missing)
        return f"partial: {len(self.missing)} of {total} values absent, awaiting: {who}"

    def as_json(self) -> dict[str, Any]:
        """Return the status as plain data."""
        return {
            "state": self.state,
            "present": self.present,
            "missing": [fact.label for fact in self.missing],
            "owners": self.owners,
        }


@dataclass(frozen=True)
class Debt:
    """A value that somebody owes."""

    owner: str
    section: str
    fact: Fact


def of_sections(sections: Sequence[Section]) -> list[Status]:
    """Return the status of each top-level section; sub-sections count with theirs."""
    statuses = []
    for section in sections:
        if "." not in section.number and section.number not in APPENDICES:
            parts = [s for s in sections if s.number.split(".")[0] == section.number]
            statuses.append(_status(section, [f for part in parts for f in part.all_facts()]))
    return statuses


def _status(section: Section, facts: Iterable[Fact]) -> Status:
    facts = list(facts)
    missing = tuple(fact for fact in facts if fact.kind == "absent")
    present = len(facts) - len(missing)
    state: State = "complete" if not missing else "partial" if present else "awaiting"
    return Status(section.number, section.title, state, present, missing)


def debts(sections: Sequence[Section]) -> list[Debt]:
    """Every absent value, by who owes it, each role's in the order of the card."""
    found = [
        Debt(fact.owner, section.number, fact)
        for section in sections
        for fact in section.all_facts()
        if fact.kind == "absent"
    ]
    return sorted(found, key=lambda debt: debt.owner)
