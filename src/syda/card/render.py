"""The pages of the card in Markdown.

Everything that a template prints passes :meth:`Page.finalize`: text is escaped, so that no value
becomes markup, and facts are rounded by one rule. card.json has the raw values.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from syda.card.facts import CardSection, Fact, Row
from syda.card.seven_cs import Criterion, criterion_of

_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~])")
_MARK = re.compile("\ue000([0-9]+)\ue001")
"""A number before a value, which leads to its field; only a page that verify compares has it."""


class Markup(str):
    """Text that is already Markdown."""

    __slots__ = ()


def escape(text: str) -> Markup:
    r"""Make text safe inside a Markdown paragraph or table cell: no marks, no tags, one line.

    >>> print(escape("a|b <i>"))
    a\|b &lt;i&gt;
    """
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(_MARKDOWN.sub(r"\\\1", line))


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
        fields: names of all facts, by their identity; the values are marked with them.
    """

    def __init__(self, digits: int, up: str, fields: Mapping[int, str] | None = None) -> None:
        self._digits = digits
        self._up = up
        self._names = list(fields.values()) if fields else []
        self._numbers = {fact: number for number, fact in enumerate(fields or ())}

    def value(self, fact: Fact) -> Markup:
        """The value with its unit; if missing, the role that has to supply or confirm it."""
        if fact.kind == "absent":
            note = escape(fact.note[:1].upper() + fact.note[1:] + ".")
            text = f"**absent**, awaiting: {escape(fact.owner)}. {note}"
        else:
            digits = None if fact.exact else self._digits
            text = escape(f"{plain(fact.value, digits)} {fact.unit}".rstrip())
        if fact.declared_for:
            text += f" *(declared for {escape(fact.declared_for)}, not confirmed for this run)*"
        number = self._numbers.get(id(fact))
        return Markup(text if number is None else f"\ue000{number}\ue001{text}")

    def basis(self, fact: Fact) -> Markup:
        """How the value is known, with links to the files behind it."""
        if fact.kind == "absent":
            return Markup("absent")
        files = dict.fromkeys(source.split("#")[0] for source in fact.sources)
        shown = [f"[{escape(file)}]({self._up}{file})" for file in list(files)[:2]]
        more = [f"{len(files) - 2} more files"] if len(files) > 2 else []
        return Markup(f"{fact.kind}: {', '.join([*shown, *more])}")

    def fields(self, facts: Mapping[str, Fact]) -> Markup:
        """A table of field, value and basis.

        Raises:
            ValueError: settings stand in one list with findings.
        """
        _one_kind(facts)
        lines = ["| field | value | how it is known |", "| --- | --- | --- |"]
        for fact in facts.values():
            lines.append(f"| {escape(fact.label)} | {self.value(fact)} | {self.basis(fact)} |")
        return Markup("\n".join(lines))

    def short(self, facts: Mapping[str, Fact]) -> Markup:
        """A table of field and value; card.json has the sources.

        Raises:
            ValueError: settings stand in one list with findings.
        """
        _one_kind(facts)
        lines = ["| field | value |", "| --- | --- |"]
        lines += [f"| {escape(f.label)} | {self.value(f)} |" for f in facts.values()]
        return Markup("\n".join(lines))

    def table(self, rows: Sequence[Row], columns: Iterable[str] = ()) -> Markup:
        """A table of rows that share their columns.

        Args:
            rows: one or more.
            columns: to show; all where none is named.
        """
        shown = list(columns) or list(rows[0])
        lines = ["| " + " | ".join(map(escape, shown)) + " |", "| --- " * len(shown) + "|"]
        for row in rows:
            lines.append("| " + " | ".join(self.finalize(row[name]) for name in shown) + " |")
        return Markup("\n".join(lines))

    def items(self, rows: Sequence[Row], column: str) -> Markup:
        """A list of the values of a column."""
        return Markup("\n".join(f"- {self.finalize(row[column])}" for row in rows))

    def fill(self, sentence: str, facts: Mapping[str, Fact]) -> Markup:
        """Put facts in the place of the names in a sentence, such as ``{size}``."""
        return Markup(sentence.format(**{name: self.value(f) for name, f in facts.items()}))

    def finalize(self, value: Any) -> Markup:
        """Print whatever the template asks for: markup as it is, all else escaped."""
        if isinstance(value, Markup):
            return value
        return self.value(value) if isinstance(value, Fact) else escape(str(value))

    def names(self, text: str) -> list[str]:
        """The fields of the values in a text of this page, in order."""
        return list(dict.fromkeys(self._names[int(number)] for number in _MARK.findall(text)))

    def render(self, template: str, **values: Any) -> str:
        """Render a template of the folder ``templates``.

        Args:
            template: name of the file.
            values: that it may print.
        """
        environment = Environment(
            loader=PackageLoader("syda.card", "templates"),
            undefined=StrictUndefined,
            finalize=self.finalize,
            autoescape=False,  # Markdown: finalize escapes every value
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        filters = (self.fields, self.short, self.table, self.items, self.fill)
        environment.filters |= {method.__name__: method for method in filters}
        environment.filters |= {"anchor": anchor, "only": only, "without": without}
        environment.filters |= {"markup": Markup, "of_criterion": of_criterion}
        environment.filters |= {"count_verdict": count_verdict}
        text = environment.get_template(template).render(up=Markup(self._up), **values)
        return re.sub(r"\n{3,}", "\n\n", text)


def _one_kind(facts: Mapping[str, Fact]) -> None:
    if len({fact.kind == "setting" for fact in facts.values()}) > 1:
        raise ValueError(f"settings beside findings: {', '.join(facts)}")


def unmarked(text: str) -> str:
    """A page without the numbers that lead to fields."""
    return _MARK.sub("", text)


def anchor(number: str) -> str:
    """Stable id of a section's heading.

    >>> anchor("4.1"), anchor("D")
    ('s4-1', 'sd')
    """
    return f"s{number.replace('.', '-').lower()}"


def only(facts: Mapping[str, Fact], *names: str) -> dict[str, Fact]:
    """The facts with these names, or of this kind if the one name is ``settings``."""
    if names == ("settings",):
        return {name: fact for name, fact in facts.items() if fact.kind == "setting"}
    return {name: facts[name] for name in names}


def without(facts: Mapping[str, Fact], *names: str) -> dict[str, Fact]:
    """The facts without these names, and without settings if a name is ``settings``."""
    return {
        name: fact
        for name, fact in facts.items()
        if name not in names and not ("settings" in names and fact.kind == "setting")
    }


def of_criterion(rows: Sequence[Row], one: Criterion) -> list[Row]:
    """The figures with a goal that belong to one of the seven Cs."""
    return [
        row
        for row in rows
        if isinstance(row["verdict"], Fact) and criterion_of(str(row["key"])) is one
    ]


def count_verdict(rows: Sequence[Row], verdict: str) -> int:
    """How many of the figures have this verdict."""
    return sum(isinstance(row["verdict"], Fact) and row["verdict"].value == verdict for row in rows)


def fields_of(sections: Iterable[CardSection]) -> dict[int, str]:
    """Full name of every fact by its identity."""
    return {id(fact): field for section in sections for field, fact in section.fields()}
