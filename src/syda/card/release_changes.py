"""Appendix E: whether this report version is released, and what has changed since the last one."""

import re
from collections.abc import Iterator, Sequence

from syda.card import changes, snapshots
from syda.card.changes import Change
from syda.card.facts import APPENDICES, CardSection, Fact, Row
from syda.card.inputs import CardInputs
from syda.card.releases import KINDS, Release
from syda.card.snapshots import FactJson, Snapshot
from syda.card.status import Status

IDENTITY = (
    "1.report_version", "1.model_version", "1.data_version", "1.weights_digest", "2.1.raw_digest",
)  # fmt: skip
"""What was released; it comes first."""

_QUALITY = re.compile(
    r"5\.(figures_holdout\..*\.synthetic|properties\..*\.rank_correlation|privacy\..*\.figure)"
)
"""Figures on held-out scans that say how good the generator is; others are only counted."""

_LONGEST = 80
"""Characters of a declared text; of a longer one the beginning is shown."""

_MOST = 24
"""Rows of a table; `syda card diff` has all of them."""


def release_before(inputs: CardInputs) -> Fact:
    """The release before this report version."""
    label = "Release before this report version"
    if inputs.earlier:
        return inputs.earlier[-1].record.fact(label, "report_version")
    source = inputs.declared.fact("report_version", label).sources
    return Fact(label, "none", "derived", source, note="no release of a lower version exists")


def section(
    inputs: CardInputs, sections: Sequence[CardSection], statuses: Sequence[Status]
) -> CardSection:
    """Return the appendix.

    Args:
        inputs: of the card, with the releases.
        sections: all others.
        statuses: of the ten sections, with their sign-offs.
    """
    facts = {"released": _released(inputs), "release_before": release_before(inputs)}
    tables: dict[str, list[Row]] = {}
    if inputs.earlier:
        last = inputs.earlier[-1]
        now = snapshots.of_card({
            "sections": {one.number: one.as_json() for one in sections},
            "status": {one.number: one.as_json() for one in statuses},
            "inputs": inputs.measured,
        })  # fmt: skip
        tables = _tables(last, now)
        found, digests = changes.between(last.snapshot(), now)
        kinds = [kind for kind in (*KINDS, "absent", "units") if kind in last.record.content]
        values = tuple(last.record.pointer(kind) for kind in kinds)
        here = "model_card/card.json#/"
        sources = (*values, f"{here}sections")
        both = sum(not change.one_sided for change in found)
        facts["changed"] = Fact("Values that differ", both, "derived", sources)
        facts["one_sided"] = Fact(
            "Fields that one of the two alone has", len(found) - both, "derived", sources
        )
        for name, table in _cut(found).items():
            facts[f"{name}_left_out"] = Fact(
                f"Rows of {name} that are left out", max(0, table - _MOST), "derived", sources
            )
        facts["digests"] = Fact(
            "Input files that differ", digests, "derived",
            (last.record.pointer("inputs"), f"{here}inputs"),
        )  # fmt: skip
    return CardSection("E", APPENDICES["E"], facts, tables)


def _released(inputs: CardInputs) -> Fact:
    label = "Whether this report version is released"
    if inputs.released is None:
        source = inputs.declared.fact("report_version", label).sources
        return Fact(label, "not released yet", "derived", source)
    words = (
        "released; the file of the release has its commit and date"
        if inputs.is_released
        else "not released: another card was released under this version, so it needs a higher one"
    )
    return Fact(label, words, "derived", (inputs.released.pointer("report_version"),))


def _tables(last: Release, now: Snapshot) -> dict[str, list[Row]]:
    """What differs, by kind."""
    was = last.snapshot()
    found, _ = changes.between(was, now)

    def rows(chosen: Iterator[Change], most: int | None = None) -> list[Row]:
        return [_row(last, change) for change in chosen][:most]

    return {
        "identity": rows(c for c in found if c.field in IDENTITY),
        "crossed": rows(c for c in found if c.kind == "crossed"),
        "figures": rows(c for c in found if c.kind == "values" and _QUALITY.fullmatch(c.field)),
        "protocols": [
            {"key": key, "measured": when}
            for key, when in snapshots.other_protocols(was, now).items()
        ],
        "settings": rows((c for c in found if _is_setting(c)), _MOST),
        "texts": rows((c for c in found if _is_text(c)), _MOST),
        "missing": rows(c for c in found if c.kind == "missing"),
        "status": [
            {"section": number, "in the last release": before, "now": after}
            for number, before, after in changes.changed_statuses(was, now)
        ],
        "signoffs_lost": [
            {"section": number, "who": who, "why": why}
            for number, who, why in changes.lost_signoffs(was, now)
        ],
    }


def _is_setting(change: Change) -> bool:
    return change.field.startswith("4.4.")


def _is_text(change: Change) -> bool:
    return change.kind == "text" and change.field not in IDENTITY


def _cut(found: Sequence[Change]) -> dict[str, int]:
    """Rows of the tables that are cut, before they are cut."""
    return {"settings": sum(map(_is_setting, found)), "texts": sum(map(_is_text, found))}


def _row(last: Release, change: Change) -> Row:
    label = change.now["label"] if change.now else change.field.rsplit(".", 1)[-1]
    then = None if _long(change.was) else last.fact(label, change.field)
    return {
        "field": change.field,
        "what": label,
        "in the last release": then or _beginning(change.was),
        "now": _now(change.now),
    }


def _now(fact: FactJson | None) -> Fact | str:
    if fact is None or fact["kind"] == "absent" or _long(fact):
        return _beginning(fact)
    sources = tuple(fact["sources"])
    return Fact(
        fact["label"], fact["value"], fact["kind"], sources, fact.get("unit", ""),
        owner=fact.get("owner", ""), exact=fact["kind"] in ("declared", "setting"),
        declared_for=fact.get("declared_for", ""),
    )  # fmt: skip


def _long(fact: FactJson | None) -> bool:
    return fact is not None and isinstance(fact["value"], str) and len(fact["value"]) > _LONGEST


def _beginning(fact: FactJson | None) -> str:
    """A value as text, cut where it is long."""
    text = changes.text(fact, None)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rstrip()} ..."
