"""What changed between two cards, as Markdown: figures, verdicts, texts, status, sign-offs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syda.card import audit
from syda.card.render import escape, plain

Fact = Mapping[str, Any]

HEADINGS = {
    "crossed": "Verdicts and goals crossed",
    "values": "Measured and derived values",
    "protocol": "Figures of another protocol, not to be compared",
    "text": "Declared text",
    "owed": "Values that came or went missing",
}
"""Kinds of change, those that tell most first."""

ITSELF = "E."
"""Fields of the appendix that tells changes: its own are none."""

_FILES = "B."

_OF_OTHERS = re.compile(r"5\.checklist\.(\d+|\w+_release_[\d.]+)\.")
"""Rows that repeat what earlier cards, and the original, say of themselves."""


@dataclass(frozen=True)
class Change:
    """A value that differs between two cards; None where one has no such field."""

    field: str
    was: Fact | None
    now: Fact | None

    @property
    def kind(self) -> str:
        """Its place among :data:`HEADINGS`."""
        facts = [fact for fact in (self.was, self.now) if fact is not None]
        kinds = {fact["kind"] for fact in facts}
        if {fact["label"] for fact in facts} == {"verdict"}:
            return "crossed"
        if "absent" in kinds:
            return "owed"
        if "declared" in kinds:
            return "text"
        return "protocol" if self._measured_otherwise else "values"

    @property
    def _measured_otherwise(self) -> bool:
        """Another key is another protocol: a figure of section 5 that points to another value."""
        if self.was is None or self.now is None or not self.field.startswith("5."):
            return False
        was, now = ([s.split("#")[1] for s in fact["sources"]] for fact in (self.was, self.now))
        return was != now


def between(before: Any, after: Any) -> tuple[list[Change], int]:
    """Return what changed, in the checklist's order, and the number of changed digests.

    Args:
        before: one card.json.
        after: the other.
    """
    one, other = by_field(before), by_field(after)
    found, digests = [], 0
    for field in dict.fromkeys([*one, *other]):
        change = Change(field, one.get(field), other.get(field))
        if field.startswith(ITSELF) or _OF_OTHERS.match(field) or _same(change.was, change.now):
            continue
        if field.startswith(_FILES):
            digests += 1
        else:
            found.append(change)
    return found, digests


def page(before: Any, after: Any, names: tuple[str, str], digits: int) -> str:
    """Return the changes.

    Args:
        before: one card.json.
        after: the other.
        names: of the two, for the headings.
        digits: significant digits of figures; more where fewer would show no difference.
    """
    changes, digests = between(before, after)
    parts = [f"## Model card: {escape(names[0])} to {escape(names[1])}"]
    for kind, heading in HEADINGS.items():
        rows = [(c.field, *shown(c.was, c.now, digits)) for c in changes if c.kind == kind]
        if rows:
            parts.append(f"### {heading}\n\n{_table(('field', *names), rows)}")
    if digests:
        parts.append(f"{digests} digests of files and code changed (appendix B).")
    statuses = changed_statuses(before, after)
    if statuses:
        parts.append(f"### Status of sections\n\n{_table(('section', *names), statuses)}")
    lost = list(lost_signoffs(before, after))
    if lost:
        parts.append("### Sign-offs lost\n\n" + _table(("section", "who", "why"), lost))
    if len(parts) == 1:
        parts.append("Nothing differs.")
    return "\n\n".join(parts)


def changed_statuses(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """Return the sections whose status differs: number, and both statuses in words."""
    return [
        (number, words(was), words(now))
        for number, was, now in _pairs(before["status"], after["status"])
        if _state(was) != _state(now)
    ]


def _state(status: Mapping[str, Any] | None) -> Any:
    """What of a status counts as a change: how many values a section has does not."""
    told = status or {}
    held = [one["role"] for one in told.get("signoffs", []) if not one["stale"]]
    return [*(told.get(key) for key in ("state", "missing", "owners")), held]


def by_field(card: Any) -> dict[str, Fact]:
    """Every fact of card.json by its full name, in the checklist's order."""
    facts = {fact["field"]: fact for fact in audit.facts(card["sections"])}
    return dict(sorted(facts.items(), key=lambda item: _order(item[0])))


def _order(field: str) -> tuple[int, str]:
    first = field.split(".", maxsplit=1)[0]
    return (int(first) if first.isdigit() else 99, field)


def _same(was: Fact | None, now: Fact | None) -> bool:
    if was is None or now is None:
        return False
    return all(was.get(key) == now.get(key) for key in ("value", "kind", "unit"))


def shown(was: Fact | None, now: Fact | None, digits: int) -> tuple[str, str]:
    """Two values as text, in so many digits that they differ if they do."""
    short = tuple(text(fact, digits) for fact in (was, now))
    full = tuple(text(fact, None) for fact in (was, now))
    one, other = short if short[0] != short[1] else full
    return one, other


def text(fact: Fact | None, digits: int | None) -> str:
    """A fact's value with its unit, or who owes it; all digits if there is no number of them."""
    if fact is None:
        return "not there"
    if fact["kind"] == "absent":
        return f"absent, awaiting: {fact['owner']}"
    return f"{plain(fact['value'], digits)} {fact.get('unit', '')}".rstrip()


def words(status: Mapping[str, Any] | None) -> str:
    """A section's status from card.json: state, what is absent, who owes it."""
    if status is None:
        return "no such section"
    missing = len(status["missing"])
    state = str(status["state"])
    if missing:
        total, owners = missing + status["present"], ", ".join(status["owners"])
        state += f", {missing} of {total} absent: {owners}"
    held = [one["role"] for one in status["signoffs"] if not one["stale"]]
    return f"{state}; signed off: {', '.join(held)}" if held else state


def lost_signoffs(before: Any, after: Any) -> Iterator[tuple[str, str, str]]:
    """Yield the sign-offs that held before and do not any more: section, who, why."""
    for number, was, now in _pairs(before["status"], after["status"]):
        there = {_signer(one): one for one in (now or {}).get("signoffs", [])}
        for one in (was or {}).get("signoffs", []):
            kept = there.get(_signer(one))
            if not one["stale"] and (kept is None or kept["stale"]):
                why = "is gone" if kept is None else "stale: the text has changed"
                yield number, f"{one['name']}, {one['role']}, {one['date']}", why


def _signer(signoff: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(signoff[key]) for key in ("name", "role", "date", "meaning"))


def _pairs(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    numbers = sorted({*before, *after}, key=int)
    return [(number, before.get(number), after.get(number)) for number in numbers]


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(map(escape, heading)) + " |", "| --- " * len(heading) + "|"]
    lines += ["| " + " | ".join(map(escape, row)) + " |" for row in rows]
    return "\n".join(lines)
