"""Appendix E: whether this report version is released, and what has changed since the last one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from syda.card import changes
from syda.card.changes import Change
from syda.card.schema import APPENDICES, Fact, Row, Section
from syda.card.sources import Inputs, Release
from syda.card.status import Status

IDENTITY = (
    "1.report_version", "1.model_version", "1.data_version", "1.weights_digest", "2.1.raw_digest",
)  # fmt: skip
"""What was released, told first."""

_TELLING = re.compile(
    r"5\.(figures_holdout\..*\.synthetic|properties\..*\.rank_correlation|privacy\..*\.figure)"
)
"""Figures on held-out scans that say how good the generator is; others are counted."""

_LONGEST = 80
"""Characters of a declared text; of a longer one the beginning is shown."""

_MOST = 24
"""Rows of a table; `syda card diff` has them all."""


def release_before(inputs: Inputs) -> Fact:
    """The release before this report version."""
    label = "Release before this report version"
    if inputs.earlier:
        return inputs.earlier[-1].record.fact(label, "report_version")
    source = inputs.declared.fact("report_version", label).sources
    return Fact(label, "none", "derived", source, note="no folder of a lower version is there")


def section(inputs: Inputs, sections: Sequence[Section], statuses: Sequence[Status]) -> Section:
    """Return the appendix.

    Args:
        inputs: of the card, the releases among them.
        sections: all others.
        statuses: of the ten sections, with their sign-offs.
    """
    facts = {"released": _released(inputs), "release_before": release_before(inputs)}
    tables: dict[str, list[Row]] = {}
    if inputs.earlier:
        last = inputs.earlier[-1]
        now = {
            "sections": {one.number: one.as_json() for one in sections},
            "status": {one.number: one.as_json() for one in statuses},
        }
        tables = _tables(last, now, inputs.reports["details"].value("metrics"))
        found, digests = changes.between(last.card.content, now)
        sources = (last.card.pointer("sections"), "model_card/card.json#/sections")
        facts["changed"] = Fact("Values that differ", len(found), "derived", sources)
        facts["digests"] = Fact("Digests that differ", digests, "derived", sources)
    return Section("E", APPENDICES["E"], facts, tables)


def _released(inputs: Inputs) -> Fact:
    label = "Whether this report version is released"
    if inputs.released is None:
        source = inputs.declared.fact("report_version", label).sources
        return Fact(label, "not released yet", "derived", source)
    words = (
        "released, as release.json of that version says, with its commit"
        if inputs.is_released
        else "not released: another card was released under this version, so it needs a higher one"
    )
    return Fact(label, words, "derived", (inputs.released.pointer("report_version"),))


def _tables(last: Release, now: Any, metrics: Mapping[str, Any]) -> dict[str, list[Row]]:
    """What differs, by kind."""
    found, _ = changes.between(last.card.content, now)
    where = dict(_places(last.card.content))
    others = _other_protocols(last.details.value("metrics"), metrics)

    def rows(chosen: Iterator[Change], most: int | None = None) -> list[Row]:
        return [_row(last, change, where) for change in chosen][:most]

    return {
        "identity": rows(c for c in found if c.field in IDENTITY),
        "crossed": rows(c for c in found if c.kind == "crossed"),
        "figures": rows(
            c for c in found
            if c.kind == "values" and _TELLING.fullmatch(c.field) and not _of(c, others)
        ),
        "protocols": [
            {"key in metrics.json": key, "measured": when} for key, when in others.items()
        ],
        "settings": rows((c for c in found if c.field.startswith("4.4.")), _MOST),
        "texts": rows((c for c in found if c.kind == "text" and c.field not in IDENTITY), _MOST),
        "owed": rows(c for c in found if c.kind == "owed"),
        "status": [
            {"section": number, "in the last release": was, "now": is_now}
            for number, was, is_now in changes.changed_statuses(last.card.content, now)
        ],
        "signoffs_lost": [
            {"section": number, "who": who, "why": why}
            for number, who, why in changes.lost_signoffs(last.card.content, now)
        ],
    }  # fmt: skip


def _other_protocols(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Metrics that are not the same in both: by key, where or how they were measured."""
    found = {}
    for key in sorted({*was, *now}):
        if key not in now:
            found[key] = "in the last release alone"
        elif key not in was:
            found[key] = "now alone"
        elif was[key]["protocol"] != now[key]["protocol"]:
            found[key] = "in both, with other choices: not to be compared"
    return found


def _of(change: Change, keys: Mapping[str, str]) -> bool:
    """Whether a change is of a metric with one of these keys."""
    return any(
        key in source.split("/")
        for fact in (change.was, change.now)
        if fact is not None
        for source in fact["sources"]
        for key in keys
    )


def _row(last: Release, change: Change, where: Mapping[str, tuple[str | int, ...]]) -> Row:
    label = next(fact["label"] for fact in (change.now, change.was) if fact is not None)
    return {
        "field": change.field,
        "what": label,
        "in the last release": _then(last, change, where),
        "now": _now(change.now),
    }


def _then(last: Release, change: Change, where: Mapping[str, Any]) -> Fact | str:
    if change.was is None or change.was["kind"] == "absent" or _long(change.was):
        return _told(change.was)
    unit = change.was.get("unit", "")
    return last.card.fact(change.was["label"], *where[change.field], "value", unit=unit)


def _now(fact: changes.Fact | None) -> Fact | str:
    if fact is None or fact["kind"] == "absent" or _long(fact):
        return _told(fact)
    sources = tuple(fact["sources"])
    exact = fact["kind"] == "declared" or any("#/params/" in source for source in sources)
    unit = fact.get("unit", "")
    return Fact(fact["label"], fact["value"], fact["kind"], sources, unit, exact=exact)


def _long(fact: changes.Fact) -> bool:
    return isinstance(fact["value"], str) and len(fact["value"]) > _LONGEST


def _told(fact: changes.Fact | None) -> str:
    text = changes.text(fact, None)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rstrip()} ..."


def _places(card: Any) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Each field of card.json with the keys that lead to its fact."""
    for number, part in card["sections"].items():
        for name, fact in part["facts"].items():
            yield fact["field"], ("sections", number, "facts", name)
        for table, rows in part["tables"].items():
            for place, row in enumerate(rows):
                for column, cell in row.items():
                    if isinstance(cell, dict):
                        yield cell["field"], ("sections", number, "tables", table, place, column)
