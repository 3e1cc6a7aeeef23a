"""Differences between a card and its rendering from the sources: in card.json and on the pages."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from typing import Any

from syda.card import webpage
from syda.card.facts import CardSection, Fact
from syda.card.render import Card
from syda.card.snapshots import is_fact

_CELLS = re.compile(r"(?<!\\) \| |^\| | \|$")
_WORDS = re.compile(r"(?<=[\s>])|(?=<)")


@dataclass(frozen=True)
class OutputFormat:
    """How the lines of a page are read.

    Attributes:
        page: as rendered from the sources.
        heading: finds the number of a section in the line of its heading.
        cell: separates the cells of a row, also before the first and after the last.
        row: turns the Markdown line of a table row into the line of this page.
        value: turns a Markdown value into the text of this page.
    """

    page: str
    heading: re.Pattern[str]
    cell: re.Pattern[str]
    row: Callable[[str], str]
    value: Callable[[str], str]


def markdown(page: str) -> OutputFormat:
    """The Markdown page."""
    return OutputFormat(page, re.compile(r"#{2,3} (\S+) "), _CELLS, str, str)


def html(page: str) -> OutputFormat:
    """The HTML page."""
    return OutputFormat(
        page,
        heading=re.compile(r"<h[23][^>]*>(\S+) "),
        cell=re.compile(r"(?:</t[hd]>)?(?:<t[hd][^>]*>|</tr>$)"),
        row=lambda line: webpage.row(_CELLS.split(line)[1:-1]),
        value=webpage.inline,
    )


def altered_values(was: Any, now: Any, at: str = "") -> Iterator[str]:
    """Yield the field of each difference of two documents, or its JSON pointer.

    Args:
        was: the document as rendered from the sources.
        now: the document in the working tree.
        at: JSON pointer of both.
    """
    if _text(was) == _text(now):
        return
    if isinstance(was, Mapping) and is_fact(was):
        yield was["field"]
    elif isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*was, *now]):
            escaped = str(key).replace("~", "~0").replace("/", "~1")
            if key not in was or key not in now:
                yield f"{at}/{escaped}"
            else:
                yield from altered_values(was[key], now[key], f"{at}/{escaped}")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for offset, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from altered_values(one, other, f"{at}/{offset}")
    else:
        yield at


def _text(value: Any) -> str:
    """JSON text, in which 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


def altered_lines(card: Card, form: OutputFormat, now: str) -> Iterator[str]:
    """Yield what differs on a page: the fields of changed cells, or the text of the line.

    Args:
        card: as rendered from the sources.
        form: of the page.
        now: the page in the working tree.
    """
    was, found = form.page.split("\n"), now.split("\n")
    numbers, lines = _sections(was, form), _lines(card, form)
    matcher = SequenceMatcher(None, was, found, autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "equal":
            continue
        for offset in range(max(end - start, last - first)):
            line = was[start + offset] if start + offset < end else None
            other = found[first + offset] if first + offset < last else None
            if line is None:
                yield f"line {first + offset + 1}, which is none of the card's: {_short(other)}"
                continue
            section = numbers[start + offset]
            cells = lines.get((section, line))
            names = (
                _cells(cells, form, line, other or "")
                if cells
                else _sentence(card, form, section, line, other or "")
            )
            where = ", ".join(dict.fromkeys(names)) or f"line {start + offset + 1}"
            yield f"{where}: {_difference(line, other)}"


def _sections(lines: Sequence[str], form: OutputFormat) -> list[str]:
    """The number of the section that each line lies in; empty before the first."""
    numbers, number = [], ""
    for line in lines:
        heading = form.heading.match(line)
        if heading and re.fullmatch(r"\d+(\.\d)?|[A-Z](\.\d)?", heading[1]):
            number = heading[1]
        numbers.append(number)
    return numbers


def _lines(card: Card, form: OutputFormat) -> dict[tuple[str, str], list[str]]:
    """By section and line of a table, the field behind each cell."""
    found = {}
    for section in card.sections:
        for name, fact in section.facts.items():
            line = form.row(card.values.field(fact))
            found[section.number, line] = [section.field_of(name)] * 3
        for table, rows in section.tables.items():
            for row, fields in zip(rows, section.fields_of(table), strict=True):
                found[section.number, form.row(card.values.row(row))] = list(fields.values())
    return found


def _cells(fields: Sequence[str], form: OutputFormat, line: str, other: str) -> Iterator[str]:
    """The fields of a row that another line does not show."""
    one, two = form.cell.split(line)[1:-1], form.cell.split(other)[1:-1]
    if len(one) == len(two):
        yield from (field for field, a, b in zip(fields, one, two, strict=True) if a != b)
    else:
        yield from fields


def _sentence(card: Card, form: OutputFormat, section: str, line: str, other: str) -> Iterator[str]:
    """The fields whose values are in one line more often than in another."""
    values = (
        field
        for part in card.sections
        if section in ("", part.number)
        for field, fact in _values(part)
        if _count(line, shown := form.value(card.values.value(fact))) > _count(other, shown)
    )
    yield from islice(values, 3)  # several facts can have the same value


def _values(section: CardSection) -> Iterator[tuple[str, Fact]]:
    """Every fact of a section with its field."""
    for name, fact in section.facts.items():
        yield section.field_of(name), fact
    for table, rows in section.tables.items():
        for row, fields in zip(rows, section.fields_of(table), strict=True):
            for column, cell in row.items():
                if isinstance(cell, Fact):
                    yield fields[column], cell


def _count(line: str, value: str) -> int:
    """How often a value is in a line, as a whole word or number."""
    return len(re.findall(rf"(?<![\w.]){re.escape(value)}(?!\w|\.\d)", line))


def _difference(line: str, other: str | None) -> str:
    if other is None:
        return f"{_short(line)} is missing"
    one, two = _WORDS.split(line), _WORDS.split(other)
    changes = [
        c for c in SequenceMatcher(None, one, two, autojunk=False).get_opcodes() if c[0] != "equal"
    ]
    start, end = changes[0][1], changes[-1][2]
    first, last = changes[0][3], changes[-1][4]
    there, right = "".join(two[first:last]), "".join(one[start:end])
    return f"{_short(there)} stands there, {_short(right)} is right"


def _short(text: str | None, most: int = 60) -> str:
    text = (text or "").strip()
    return repr(text if len(text) <= most else f"{text[: most - 3]}...")
