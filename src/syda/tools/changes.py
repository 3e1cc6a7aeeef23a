"""What changed between two cards, as Markdown: figures, verdicts, texts, status, sign-offs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from syda.card import audit
from syda.card.render import escape, plain

Fact = Mapping[str, Any]

MOST = 40
"""Lines of one table; what lies beyond is counted."""

_HEADINGS = {
    "crossed": "Verdicts crossed",
    "values": "Measured and derived values",
    "text": "Declared text",
    "owed": "Values that came or went missing",
}


def page(before: Any, after: Any, names: tuple[str, str], digits: int) -> str:
    """Return the changes.

    Args:
        before: one card.json.
        after: the other.
        names: of the two, for the headings.
        digits: significant digits of figures; more where fewer would show no difference.
    """
    one, other = by_field(before), by_field(after)
    found: dict[str, list[tuple[str, Fact | None, Fact | None]]] = {kind: [] for kind in _HEADINGS}
    hashes = 0
    for field in dict.fromkeys([*one, *other]):
        was, now = one.get(field), other.get(field)
        if was is not None and now is not None and _same(was, now):
            continue
        if field.startswith("B."):
            hashes += 1
        else:
            found[_kind(was, now)].append((field, was, now))
    parts = [f"## Model card: {escape(names[0])} to {escape(names[1])}"]
    for kind, heading in _HEADINGS.items():
        if found[kind]:
            rows = [(field, *shown(was, now, digits)) for field, was, now in found[kind]]
            parts.append(f"### {heading}\n\n{_table(('field', *names), rows)}")
    if hashes:
        parts.append(f"{hashes} digests of files and code changed (appendix B).")
    statuses = [
        (number, words(was), words(now))
        for number, was, now in _pairs(before["status"], after["status"])
        if words(was) != words(now)
    ]
    if statuses:
        parts.append(f"### Status of sections\n\n{_table(('section', *names), statuses)}")
    lost = list(lost_signoffs(before, after))
    if lost:
        parts.append("### Sign-offs lost\n\n" + _table(("section", "who", "why"), lost))
    if len(parts) == 1:
        parts.append("Nothing differs.")
    return "\n\n".join(parts)


def by_field(card: Any) -> dict[str, Fact]:
    """Every fact of card.json by its full name, in the checklist's order."""
    facts = {fact["field"]: fact for fact in audit.facts(card["sections"])}
    return dict(sorted(facts.items(), key=lambda item: _order(item[0])))


def _order(field: str) -> tuple[int, str]:
    first = field.split(".", maxsplit=1)[0]
    return (int(first) if first.isdigit() else 99, field)


def _same(was: Fact, now: Fact) -> bool:
    return all(was.get(key) == now.get(key) for key in ("value", "kind", "unit"))


def _kind(was: Fact | None, now: Fact | None) -> str:
    kinds = {fact["kind"] for fact in (was, now) if fact is not None}
    labels = {fact["label"] for fact in (was, now) if fact is not None}
    if labels == {"verdict"}:
        return "crossed"
    if "absent" in kinds:
        return "owed"
    return "text" if "declared" in kinds else "values"


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
    lines += ["| " + " | ".join(map(escape, row)) + " |" for row in rows[:MOST]]
    if len(rows) > MOST:
        lines.append(f"\n{len(rows) - MOST} more; `card.json` of both has them.")
    return "\n".join(lines)
