"""The card as Markdown and as JSON.

Whatever the template prints passes :func:`_finalize`: text is escaped, so that no value becomes
markup, and a fact is shown by one rule of rounding; card.json has the raw value.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from syda.card import signoffs, status
from syda.card.schema import APPENDICES, SCHEMA, Fact, Row, Section
from syda.card.signoffs import SignOff
from syda.card.sources import Document, Inputs, Picture
from syda.card.status import State, Status

_MARKS = re.compile(r"([\\`*_{}\[\]#|~])")


class Markup(str):
    """Markdown that was made here, as opposed to a value."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Make text safe inside a Markdown paragraph or table cell: no marks, no tags, one line."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(_MARKS.sub(r"\\\1", line))


def plain(value: Any, digits: int | None) -> str:
    """A value as text.

    Args:
        value: of a fact.
        digits: significant digits of a float (but never fewer than its integer part has), or None
            for all of them.
    """
    match value:
        case bool():
            return "yes" if value else "no"
        case float() if digits is not None and value != 0:
            places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
            return np.format_float_positional(round(value, places), trim="-")
        case list() | tuple():
            return ", ".join(plain(item, digits) for item in value) or "an empty list"
        case _:
            return str(value)


class Page:
    """Turns facts into Markdown.

    Args:
        digits: significant digits of measured and derived figures.
        up: path from the card's folder to the repository root.
    """

    def __init__(self, digits: int, up: str) -> None:
        self._digits = digits
        self._up = up

    def value(self, fact: Fact) -> Markup:
        """The value with its unit, or who owes it."""
        if fact.kind == "absent":
            return Markup(f"**absent**, awaiting: {escape(fact.owner)}. {self._sentence(fact)}")
        digits = None if fact.exact else self._digits
        return escape(f"{plain(fact.value, digits)} {fact.unit}".rstrip())

    @staticmethod
    def _sentence(fact: Fact) -> Markup:
        return escape(fact.note[:1].upper() + fact.note[1:] + ".")

    def basis(self, fact: Fact) -> Markup:
        """How the value is known, with links to the files behind it."""
        if fact.kind == "absent":
            return Markup("absent")
        files = dict.fromkeys(source.split("#")[0] for source in fact.sources)
        links = ", ".join(f"[{escape(file)}]({self._up}{file})" for file in files)
        return Markup(f"{fact.kind}: {links}")

    def fields(self, facts: Mapping[str, Fact]) -> Markup:
        """A table of field, value and basis."""
        lines = ["| field | value | how it is known |", "| --- | --- | --- |"]
        return Markup("\n".join([*lines, *map(self.field, facts.values())]))

    def field(self, fact: Fact) -> str:
        """The line of such a table."""
        return f"| {escape(fact.label)} | {self.value(fact)} | {self.basis(fact)} |"

    def table(self, rows: Sequence[Row]) -> Markup:
        """A table of rows that share their columns."""
        lines = ["| " + " | ".join(map(escape, rows[0])) + " |", "| --- " * len(rows[0]) + "|"]
        return Markup("\n".join([*lines, *map(self.row, rows)]))

    def row(self, row: Row) -> str:
        """The line of such a table."""
        return "| " + " | ".join(map(self.finalize, row.values())) + " |"

    def finalize(self, value: Any) -> Markup:
        """Print whatever the template asks for: markup as it is, all else escaped."""
        if isinstance(value, Markup):
            return value
        return self.value(value) if isinstance(value, Fact) else escape(str(value))


def anchor(number: str) -> str:
    """Stable id of a section's heading."""
    return f"s{number.replace('.', '-').lower()}"


@dataclass(frozen=True)
class Card:
    """A card as it is shown, and what is behind it.

    Attributes:
        page: Markdown.
        sections: in order.
        statuses: of the ten sections, with their digests and sign-offs.
        values: how the page shows each fact and row of a table.
    """

    page: str
    sections: Sequence[Section]
    statuses: Sequence[Status]
    values: Page


def card(
    sections: Sequence[Section],
    signed_off: Sequence[SignOff],
    *,
    digits: int,
    up: str,
    pictures: str,
) -> Card:
    """Render the card.

    A section's text says nothing of its own sign-offs, so it is rendered once for its digest, which
    decides whether they hold, and once with their status.

    Args:
        sections: in order.
        signed_off: the sign-offs there are.
        digits: significant digits of measured and derived figures.
        up: path from the card's folder to the repository root, such as ``../``.
        pictures: folder of the evaluation's pictures, relative to the repository root.
    """
    values = Page(digits, up)
    shown = partial(_markdown, values, sections, up=up, pictures=pictures)
    statuses = status.of_sections(sections)
    statuses = status.signed(statuses, signoffs.texts(shown(statuses)), signed_off)
    return Card(shown(statuses), sections, statuses, values)


def _markdown(
    page: Page, sections: Sequence[Section], statuses: Sequence[Status], *, up: str, pictures: str
) -> str:
    environment = Environment(
        loader=PackageLoader("syda.card", "."),
        undefined=StrictUndefined,
        finalize=page.finalize,
        autoescape=False,  # Markdown: finalize escapes every value
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"fields": page.fields, "table": page.table, "anchor": anchor}
    text = environment.get_template("template.md.j2").render(
        sections=sections,
        by={section.number: section for section in sections},
        statuses=statuses,
        debts=status.debts(sections),
        appendices=APPENDICES,
        counts={state: sum(one.state == state for one in statuses) for state in get_args(State)},
        up=Markup(up),
        pictures=Markup(up + pictures),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def document(card: Card, inputs: Inputs) -> dict[str, Any]:
    """Return card.json: every value with its kind and sources, and the digests of the inputs."""
    files: list[Document | Picture]
    files = [*inputs.reports.values(), *inputs.manifests.values(), *inputs.pictures]
    return {
        "schema": SCHEMA,
        "status": {one.number: one.as_json() for one in card.statuses},
        "sections": {section.number: section.as_json() for section in card.sections},
        "inputs": {file.path: file.sha256 for file in files},
    }
