"""What changed between two cards: values, statuses and sign-offs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from syda.card import snapshots
from syda.card.checklist import METRICS
from syda.card.facts import slug
from syda.card.render import plain
from syda.card.snapshots import FactJson, Snapshot

_NOT_COMPARED = re.compile(r"[BE]\..*|5\.checklist\.(\d+|\w+_release_[\d.]+)\..*")
"""Digests, which are counted; changes themselves; rows of earlier cards and of the original."""

_COMPARED_AS = {"setting": "measured"}
"""Releases up to 0.2 call settings measured."""

_FIGURE = re.compile(r"5\.(figures_\w+|checklist\.[^.]+)\.([^.]+)")


@dataclass(frozen=True)
class Change:
    """A value that differs between two cards; None where one has no such field."""

    field: str
    was: FactJson | None
    now: FactJson | None
    other_protocol: bool = False

    @property
    def one_sided(self) -> bool:
        """Whether one of the cards has no such field, as where the field was renamed."""
        return self.was is None or self.now is None

    @property
    def kind(self) -> str:
        """One of the keys of :data:`syda.card.diff.HEADINGS`."""
        kinds = {fact["kind"] for fact in (self.was, self.now) if fact is not None}
        if self.one_sided and "absent" not in kinds:
            return "one-sided"
        if self.field.endswith(".verdict"):
            return "crossed"
        if "absent" in kinds:
            return "missing"
        if "declared" in kinds:
            return "text"
        return "protocol" if self.other_protocol else "values"


def between(before: Snapshot, after: Snapshot) -> tuple[list[Change], int]:
    """Return what changed, in the checklist's order, and the number of input files that differ.

    If one of the two is a release, only the values that a release holds are compared.
    """
    if before.released or after.released:
        before, after = map(snapshots.part_of_a_release, (before, after))
    others = snapshots.other_protocols(before, after)
    titles = {entry["title"] for one in (before, after) for entry in _entries(one, others)}
    titles |= {
        slug(column)
        for column, beginning in METRICS.items()
        if any(key.startswith(beginning) for key in others)
    }
    found = []
    for field in sorted({**before.values, **after.values}, key=_order):
        was, now = before.values.get(field), after.values.get(field)
        if not _NOT_COMPARED.fullmatch(field) and not _same(was, now):
            found.append(Change(field, was, now, _is_of(field, titles)))
    both = before.inputs.keys() & after.inputs.keys()
    return found, sum(before.inputs[path] != after.inputs[path] for path in both)


def _entries(one: Snapshot, keys: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    return (entry for key, entry in one.protocols.items() if key in keys)


def _is_of(field: str, titles: set[str]) -> bool:
    """Whether a field is a figure of one of these metrics."""
    figure = _FIGURE.match(field)
    if figure is None:
        return False
    column = figure[1].startswith("checklist")  # such as ms_ssim_goal
    return any(figure[2] == t or (column and figure[2].startswith(f"{t}_")) for t in titles)


def _order(field: str) -> tuple[int, str]:
    first = field.split(".", maxsplit=1)[0]
    return (int(first) if first.isdigit() else 99, field)


def _same(was: FactJson | None, now: FactJson | None) -> bool:
    if was is None or now is None:
        return False
    units = {fact.get("unit", "") for fact in (was, now)}
    kinds = {_COMPARED_AS.get(fact["kind"], fact["kind"]) for fact in (was, now)}
    return bool(was["value"] == now["value"]) and len(kinds) == len(units) == 1


def changed_statuses(before: Snapshot, after: Snapshot) -> list[tuple[str, str, str]]:
    """Return the sections whose status differs: number, and both statuses in words."""
    return [
        (number, words(was), words(now))
        for number, was, now in _pairs(before.status, after.status)
        if _state(was) != _state(now)
    ]


def _state(status: Mapping[str, Any] | None) -> Any:
    """The part of a status that counts as a change; the number of values does not."""
    found = status or {}
    held = [one["role"] for one in found.get("signoffs", []) if not one["stale"]]
    return [*(found.get(key) for key in ("state", "missing", "owners")), held]


def text(fact: FactJson | None, digits: int | None) -> str:
    """A fact's value with its unit, or the role that has to supply it.

    Args:
        fact: of a snapshot; None where a card has no such field.
        digits: significant digits of a float; None for all of them.
    """
    if fact is None:
        return "not there"
    if fact["kind"] == "absent":
        return f"absent, awaiting: {fact['owner']}"
    return f"{plain(fact['value'], digits)} {fact.get('unit', '')}".rstrip()


def words(status: Mapping[str, Any] | None) -> str:
    """A section's status from card.json: state, number of absent values, roles, sign-offs."""
    if status is None:
        return "no such section"
    missing = len(status["missing"])
    state = str(status["state"])
    if missing:
        total, owners = missing + status["present"], ", ".join(status["owners"])
        state += f", {missing} of {total} absent: {owners}"
    held = [one["role"] for one in status["signoffs"] if not one["stale"]]
    return f"{state}; signed off: {', '.join(held)}" if held else state


def lost_signoffs(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, str, str]]:
    """Yield the sign-offs that held before and do not any more: section, who, why."""
    for number, was, now in _pairs(before.status, after.status):
        there = {_signer(one): one for one in (now or {}).get("signoffs", [])}
        for one in (was or {}).get("signoffs", []):
            same = there.get(_signer(one))
            if not one["stale"] and (same is None or same["stale"]):
                why = "is gone" if same is None else "stale: the text has changed"
                yield number, f"{one['name']}, {one['role']}, {one['date']}", why


def _signer(signoff: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(signoff[key]) for key in ("name", "role", "date", "meaning"))


def _pairs(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    numbers = sorted({*before, *after}, key=int)
    return [(number, before.get(number), after.get(number)) for number in numbers]
