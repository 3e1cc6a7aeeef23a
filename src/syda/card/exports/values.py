"""The values of a card by their full names, and as plain text for any format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from syda.card.facts import CardSection, Fact, Row
from syda.card.render import plain

_ABOUT = {
    **dict.fromkeys(
        ("2.1.sex", "2.1.age_band", "2.1.manufacturer"),
        "Patients of the whole data version, trained on and held out",
    ),
    **dict.fromkeys(
        ("2.1.kvp", "2.1.kernel", "2.1.slice_thickness_mm"),
        "Scans of the whole data version, trained on and held out",
    ),
    "3.2.demographics": "Held-out patients",
}
"""Whom or what the rows of a table count."""


@dataclass(frozen=True)
class CardValues:
    """Every fact and every table of a card.

    Attributes:
        facts: by full name, such as ``1.model_name``.
        tables: by full name, such as ``6.risks``.
        sections: number of the section, by the full name of each of its facts and tables.
    """

    facts: Mapping[str, Fact]
    tables: Mapping[str, Sequence[Row]]
    sections: Mapping[str, str]

    @classmethod
    def of(cls, sections: Sequence[CardSection]) -> Self:
        """Return the values of these sections."""
        facts = {one.field_of(name): fact for one in sections for name, fact in one.facts.items()}
        tables = {one.field_of(name): rows for one in sections for name, rows in one.tables.items()}
        numbers = {
            one.field_of(name): one.number for one in sections for name in (*one.facts, *one.tables)
        }
        return cls(facts, tables, numbers)

    def text(self, name: str) -> str:
        """A fact as text."""
        return words(self.facts[name])

    def column(self, table: str, column: str) -> list[str]:
        """A column of a table as texts."""
        return [words(row[column]) for row in self.tables[table]]

    def lines(self, name: str) -> list[str]:
        """Lines of text: a fact with its label, and each row of a table with its columns.

        A count and the table that it counts may share a name.
        """
        found = []
        if name in self.facts:
            found.append(f"{self.facts[name].label}: {words(self.facts[name])}")
        if name in self.tables:
            found += [f"{_ABOUT[name]}:"] if name in _ABOUT else []
            rows = [f"- {_line(row)}" for row in self.tables[name]]
            found += rows or [f"{name.rpartition('.')[2]}: none"]
        return found


def _line(row: Row) -> str:
    """A row as text: the columns with their headings, or the cell of an only column."""
    cells = {column: words(cell) for column, cell in row.items() if cell != ""}
    if len(row) == 1:
        return "".join(cells.values())
    return "; ".join(f"{column}: {text}" for column, text in cells.items())


def words(cell: Fact | str) -> str:
    """A cell as text with all its digits; what is missing says so, and who has to supply it."""
    if isinstance(cell, str):
        return cell
    if cell.kind == "absent":
        return f"absent, awaiting {cell.owner}: {cell.note}"
    text = f"{plain(cell.value, None)} {cell.unit}".rstrip()
    if cell.declared_for:
        text += f" (declared for {cell.declared_for}, not confirmed for this run)"
    return text
