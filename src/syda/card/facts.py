"""The parts of a card: facts with their sources, in the sections of the checklist."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Literal

SCHEMA = "syda-card-4"
"""Version of the structure of card.json."""

NOT_FOR_DIAGNOSIS = "Not for diagnosis: no volume may be used for any decision about a patient."

BANNER = f"Synthetic data. {NOT_FOR_DIAGNOSIS}"
"""What a text about the model says first."""

Kind = Literal["measured", "derived", "setting", "declared", "absent"]
"""Written by the pipeline, computed from such values, a parameter or another choice of the run,
stated by people, or missing."""

OWNER, CLINICAL, ETHICS = "project owner", "clinical lead", "ethics reviewer"
DATA, LEGAL, PRIVACY = "data owner", "legal counsel", "privacy officer"
RADIOLOGIST, DEVELOPERS = "radiologist", "development team"
"""Roles that have to supply values, and can sign a section off."""

ROLES = (OWNER, CLINICAL, ETHICS, DATA, LEGAL, PRIVACY, RADIOLOGIST, DEVELOPERS)

Value = str | int | float | bool | Sequence[Any] | None


@dataclass(frozen=True)
class Fact:
    """One value of the card.

    Attributes:
        label: what it is, for people.
        value: the raw value; None if and only if absent.
        kind: how it is known.
        sources: ``file#/json/pointer`` of each value that it is or was computed from.
        unit: of the value.
        note: how it was computed, or what is missing.
        owner: role that has to supply an absent value, or to confirm one for this data version.
        exact: whether all digits are shown, as of a setting; figures are rounded.
        declared_for: data version that a declared text is about, if it is not the card's.
    """

    label: str
    value: Value
    kind: Kind
    sources: tuple[str, ...] = ()
    unit: str = ""
    note: str = ""
    owner: str = ""
    exact: bool = False
    declared_for: str = ""

    @property
    def missing(self) -> bool:
        """Whether somebody has to supply the value, or to confirm it for this data version."""
        return self.kind == "absent" or bool(self.declared_for)

    def __post_init__(self) -> None:
        if (self.kind == "absent") != (self.value is None) or self.missing != bool(self.owner):
            raise ValueError(f"{self.label}: missing values, and no others, have an owner")
        if self.kind != "absent" and not self.sources:
            raise ValueError(f"{self.label}: a value without a source")

    def as_json(self) -> dict[str, Any]:
        """Return the fact without its empty attributes; the value is always there."""
        found = {"label": self.label, "value": self.value, "kind": self.kind}
        sources = {"sources": list(self.sources)}
        extra = {"unit": self.unit, "note": self.note, "owner": self.owner}
        extra |= {"declared_for": self.declared_for}
        return found | sources | {key: text for key, text in extra.items() if text}


def absent(label: str, owner: str, note: str) -> Fact:
    """Return a missing value: the role that has to supply it, and what is missing."""
    return Fact(label, None, "absent", note=note, owner=owner)


Row = Mapping[str, Fact | str]
"""A line of a table: column heading to fact, or to a text that is no fact."""


def slug(text: str) -> str:
    """A heading as part of a field's name: lower case, what is no letter or digit as ``_``.

    Dots and slashes stay: ``train.loss`` and ``data/records`` are names as they are.
    """
    return re.sub(r"[^\w./]+", "_", text.lower()).strip("_.")


def row_names(rows: Sequence[Row]) -> list[str]:
    """A name for each row: its first value and the texts after it, else its number from 1.

    A declared text names no row, since it may be any text. Rows of one name get their number, too.
    """
    names = []
    for number, row in enumerate(rows, 1):
        first, *rest = row.values()
        texts = [str(first.value) if isinstance(first, Fact) else first]
        texts += [str(cell) for cell in takewhile(lambda cell: isinstance(cell, str), rest)]
        nameless = isinstance(first, Fact) and (first.kind == "declared" or not rest)
        names.append(str(number) if nameless else ".".join(filter(None, map(slug, texts))))
    often = Counter(names)
    return [f"{name}.{number}" if often[name] > 1 else name for number, name in enumerate(names, 1)]


@dataclass(frozen=True)
class CardSection:
    """One section of the checklist.

    Attributes:
        number: as in the checklist, such as ``4.1``.
        title: as in the checklist.
        facts: by a short stable name.
        tables: rows by a short stable name.
    """

    number: str
    title: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)

    def all_facts(self) -> Iterator[Fact]:
        """Yield every fact, those in tables too."""
        return (fact for _, fact in self.fields())

    def fields(self) -> Iterator[tuple[str, Fact]]:
        """Yield the full name of every fact with the fact, those in tables too."""
        for name, fact in self.facts.items():
            yield self.field_of(name), fact
        for table, rows in self.tables.items():
            for row, fields in zip(rows, self.fields_of(table), strict=True):
                for column, cell in row.items():
                    if isinstance(cell, Fact):
                        yield fields[column], cell

    def field_of(self, name: str) -> str:
        """Full name of a fact: ``1.weights_digest``."""
        return f"{self.number}.{name}"

    def fields_of(self, table: str) -> list[dict[str, str]]:
        """For each row of a table, column to full name: ``4.4.parameters.train.loss.value``."""
        rows = self.tables[table]
        return [
            {
                column: f"{self.number}.{table}.{name}.{slug(column).replace('.', '_')}"
                for column in row
            }
            for name, row in zip(row_names(rows), rows, strict=True)
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the section as plain data; each fact has its full name."""
        return {
            "title": self.title,
            "facts": {
                name: fact.as_json() | {"field": self.field_of(name)}
                for name, fact in self.facts.items()
            },
            "tables": {
                table: [
                    {
                        column: cell.as_json() | {"field": fields[column]}
                        if isinstance(cell, Fact)
                        else cell
                        for column, cell in row.items()
                    }
                    for row, fields in zip(rows, self.fields_of(table), strict=True)
                ]
                for table, rows in self.tables.items()
            },
        }


TITLES = {
    "1": "General",
    "2": "Training data",
    "2.1": "Data version",
    "2.2": "Annotation and selection protocol",
    "3": "Evaluation data",
    "3.1": "Dataset",
    "3.2": "Demographics and statistics",
    "3.3": "Annotation protocol",
    "4": "Project configuration",
    "4.1": "Algorithm",
    "4.2": "Preprocessing",
    "4.3": "Libraries",
    "4.4": "Parameters and hyper-parameters",
    "5": "Metrics",
    "6": "Intended use",
    "7": "Clinical evaluation",
    "8": "Ethical considerations",
    "9": "Informed consent",
    "10": "Legal",
}
"""The checklist's sections, in its order and numbering."""

APPENDICES = {
    "A": "Checks that the data passed",
    "B": "Provenance",
    "C": "Values of the original checklist",
    "D": "The seven Cs",
    "E": "Changes since the last release",
    "F": "Pictures",
}
"""Appendices of the card, which the checklist does not have."""
