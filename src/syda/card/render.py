"""The card as Markdown and as JSON.

Everything that the template prints passes :meth:`Page.finalize`: text is escaped, so that no value
becomes markup, and facts are rounded by one rule. card.json has the raw values.
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
from syda.card.facts import APPENDICES, SCHEMA, CardSection, Fact, Row
from syda.card.inputs import CardInputs
from syda.card.seven_cs import SEVEN
from syda.card.signoffs import SignOff
from syda.card.status import State, Status
from syda.volume.model_space import PREPROCESSING

_MARKS = re.compile(r"([\\`*_{}\[\]#|~])")


class Markup(str):
    """Text that is already Markdown."""

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
        case dict() if not value:
            return "none"
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
        """The value with its unit; if absent, the role that has to supply it."""
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

    def fill(self, sentence: str, facts: Mapping[str, Fact]) -> Markup:
        """Put facts in the place of the names in a sentence, such as ``{size}``."""
        return Markup(sentence.format(**{name: self.value(f) for name, f in facts.items()}))

    def finalize(self, value: Any) -> Markup:
        """Print whatever the template asks for: markup as it is, all else escaped."""
        if isinstance(value, Markup):
            return value
        return self.value(value) if isinstance(value, Fact) else escape(str(value))


_CARD, _DATA_PAGE = "template.md.j2", "data_version.md.j2"


def anchor(number: str) -> str:
    """Stable id of a section's heading."""
    return f"s{number.replace('.', '-').lower()}"


@dataclass(frozen=True)
class Card:
    """A rendered card, with its sections and statuses.

    Attributes:
        page: Markdown.
        data_page: of the data version, Markdown; section 2 links it, and its sign-offs cover it.
        sections: in order.
        statuses: of the ten sections, with their digests and sign-offs.
        values: renders each fact and row of a table.
    """

    page: str
    data_page: str
    sections: Sequence[CardSection]
    statuses: Sequence[Status]
    values: Page


@dataclass(frozen=True)
class PageOptions:
    """How the page shows a card.

    Attributes:
        digits: significant digits of measured and derived figures.
        up: path from the card's folder to the repository root, such as ``../``.
        pictures: folder of the evaluation's pictures, relative to the repository root.
    """

    digits: int
    up: str
    pictures: str


def statuses(
    sections: Sequence[CardSection], signed_off: Sequence[SignOff], options: PageOptions
) -> list[Status]:
    """Return the statuses of the ten sections, with their digests and sign-offs.

    The text of a section does not depend on its sign-offs or on appendix E. So the sections are
    rendered once without them, and the digests of their texts decide which sign-offs are valid.

    Args:
        sections: in order; the last appendix may be missing.
        signed_off: the sign-offs there are.
        options: how the page shows them.
    """
    found = status.of_sections(sections)
    shown = partial(
        _markdown, Page(options.digits, options.up), sections, found=found, options=options
    )
    texts = signoffs.texts(shown(_CARD))
    texts["2"] += f"\n\n{shown(_DATA_PAGE)}"
    return status.signed(found, texts, signed_off)


def card(sections: Sequence[CardSection], found: Sequence[Status], options: PageOptions) -> Card:
    """Render the card.

    Args:
        sections: in order.
        found: statuses of the ten sections.
        options: how the page shows them.
    """
    values = Page(options.digits, options.up)
    shown = partial(_markdown, values, sections, found=found, options=options)
    return Card(shown(_CARD), shown(_DATA_PAGE), sections, found, values)


def _markdown(
    page: Page,
    sections: Sequence[CardSection],
    template: str,
    *,
    found: Sequence[Status],
    options: PageOptions,
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
    environment.filters |= {
        "fields": page.fields,
        "table": page.table,
        "fill": page.fill,
        "anchor": anchor,
    }
    text = environment.get_template(template).render(
        sections=sections,
        preprocessing=PREPROCESSING.values(),
        by={section.number: section for section in sections},
        statuses=found,
        missing_items=status.missing_items(sections),
        appendices=APPENDICES,
        seven=SEVEN,
        counts={state: sum(one.state == state for one in found) for state in get_args(State)},
        up=Markup(options.up),
        pictures=Markup(options.up + options.pictures),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def document(card: Card, inputs: CardInputs, schema: str) -> dict[str, Any]:
    """Return card.json: every value with its kind and sources, and the digests of the inputs.

    Args:
        card: as rendered.
        inputs: that it was made from.
        schema: file name of its JSON Schema, in the same folder.
    """
    return {
        "$schema": schema,
        "schema": SCHEMA,
        "status": {one.number: one.as_json() for one in card.statuses},
        "sections": {section.number: section.as_json() for section in card.sections},
        "inputs": inputs.measured,
    }
