"""The crosswalk: where the card answers the items of other frames.

The frames are data, in ``crosswalk.yaml``. An item names fields of the card, or says why the card
has none.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import model_validator

from syda import paths
from syda.card.declared import Strict, checked
from syda.card.exports.values import CardValues
from syda.card.facts import APPENDICES, BANNER
from syda.card.render import anchor, escape
from syda.errors import UsageError

FILE = Path("crosswalk.yaml")
"""Beside this module."""


class FrameItem(Strict):
    """An item of a frame, in the words of this project.

    Attributes:
        id: number or name of the item in its frame.
        item: what it is about.
        fields: full names of the facts and tables of the card that answer it.
        partly: what the fields leave open.
        not_applicable: why it does not apply to this model.
        not_answered: what the card lacks.
    """

    id: str
    item: str
    fields: tuple[str, ...] = ()
    partly: str | None = None
    not_applicable: str | None = None
    not_answered: str | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if sum(map(bool, (self.fields, self.not_applicable, self.not_answered))) != 1:
            raise ValueError("one of fields, not_applicable and not_answered")
        if self.partly and not self.fields:
            raise ValueError("partly: what fields leave open")
        return self

    @property
    def reason(self) -> str:
        """Why no field answers the item, or what the fields leave open."""
        if self.partly:
            return f"Partly: {self.partly}"
        if self.fields:
            return ""
        if self.not_applicable:
            return f"Not applicable: {self.not_applicable}"
        return f"Not answered: {self.not_answered}"


class Frame(Strict):
    """A form, a law or a checklist that asks for the contents of a card.

    Attributes:
        title: of the frame.
        source: where its text is.
        scope: how far it fits this model.
        items: in the order of the frame.
    """

    title: str
    source: str
    scope: str
    items: tuple[FrameItem, ...]


class CrosswalkFile(Strict):
    """Structure of the file: frames by a short name."""

    frames: dict[str, Frame]


def read() -> Mapping[str, Frame]:
    """Read the frames.

    Raises:
        UsageError: not YAML, or an unknown, missing or mistyped key.
    """
    hint = "an item has id, item, and fields (and partly), not_applicable or not_answered"
    return checked(Path(__file__).parent, FILE, CrosswalkFile, hint).frames


def check(frames: Mapping[str, Frame], values: CardValues) -> None:
    """Check that the card has every field, and that no item of a frame stands there twice.

    Raises:
        UsageError: it has not, or one does.
    """
    for name, frame in frames.items():
        seen = set()
        for item in frame.items:
            if item.id in seen:
                raise UsageError(f"{FILE}: {name}: {item.id}: stands there twice: remove one")
            seen.add(item.id)
            for field in item.fields:
                if field not in values.sections:
                    raise UsageError(
                        f"{FILE}: {name}: {item.id}: the card has no field {field}: "
                        "`syda card explain` lists similar names"
                    )


def page(frames: Mapping[str, Frame], values: CardValues) -> str:
    """Return the crosswalk in Markdown.

    Args:
        frames: checked against the values.
        values: of the card.
    """
    lines = [
        "# Crosswalk", "", f"> **{BANNER}**", "",
        f"Where the [model card]({_link(paths.CARD)}) answers other frames: report "
        f"{escape(values.text('1.report_version'))}, data version "
        f"{escape(values.text('2.1.version'))}. Items are in the words of this project, and the "
        "text of a frame counts. An answer is no claim that the model or the card complies with a "
        "frame.",
        "",
        "A field is a name in `card.json`. `syda card explain` shows the source of a fact. "
        "*Absent* marks a value that a person has to supply, and *unconfirmed* one that was "
        "declared for another data version.",
        "",
        "| frame | items | answered | partly | not applicable | not answered |",
        "| --- " * 6 + "|",
    ]  # fmt: skip
    for name, frame in frames.items():
        counts = [
            len(frame.items),
            sum(bool(item.fields) and not item.partly for item in frame.items),
            sum(bool(item.partly) for item in frame.items),
            sum(bool(item.not_applicable) for item in frame.items),
            sum(bool(item.not_answered) for item in frame.items),
        ]
        title = f"[{escape(frame.title)}](#{name})"
        lines.append(f"| {title} | {' | '.join(map(str, counts))} |")
    for name, frame in frames.items():
        lines += ["", f'<a id="{name}"></a>', "", f"## {escape(frame.title)}", ""]
        lines += [f"{escape(frame.scope)} Source: {escape(frame.source)}.", ""]
        lines += ["| item | what | section | fields, and what is open |", "| --- " * 4 + "|"]
        lines += [_row(item, values) for item in frame.items]
    return "\n".join(lines) + "\n"


def _row(item: FrameItem, values: CardValues) -> str:
    sections = dict.fromkeys(values.sections[field] for field in item.fields)
    links = ", ".join(f"[{number}]({_link(_page_of(number), number)})" for number in sections)
    fields = ", ".join(_field(field, values) for field in item.fields)
    answer = ". ".join(filter(None, (fields, escape(item.reason))))
    return f"| {escape(item.id)} | {escape(item.item)} | {links or 'none'} | {answer} |"


def _field(name: str, values: CardValues) -> str:
    fact = values.facts.get(name)
    if fact is None or not fact.missing:
        return f"`{name}`"
    return f"`{name}` *{'absent' if fact.kind == 'absent' else 'unconfirmed'}*"


def _page_of(number: str) -> Path:
    return paths.EVIDENCE if number.partition(".")[0] in APPENDICES else paths.CARD


def _link(path: Path, number: str = "") -> str:
    """Path from the crosswalk to a page of the card, with the anchor of a section."""
    relative = Path(os.path.relpath(path, paths.CROSSWALK.parent)).as_posix()
    return f"{relative}#{anchor(number)}" if number else relative
