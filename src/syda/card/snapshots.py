"""What two cards are compared by: values, statuses, protocols of the metrics, digests of inputs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from syda.card.facts import slug
from syda.runtime.digest import sha256_of_json

FactJson = Mapping[str, Any]
"""A fact as card.json holds it; one of a release has no label."""


@dataclass(frozen=True)
class Snapshot:
    """A card, reduced to what a comparison needs.

    Attributes:
        values: every fact by its full name.
        status: of the ten sections, by number, as in card.json.
        protocols: by the key of a metric, ``title`` as in the names of its fields, and the sha256
            of its choices.
        inputs: sha256 of the input files, by path.
        released: whether it is of a release, which holds a part of the values.
    """

    values: Mapping[str, FactJson]
    status: Mapping[str, Any]
    protocols: Mapping[str, Mapping[str, str]]
    inputs: Mapping[str, str]
    released: bool = False


def of_card(card: Any) -> Snapshot:
    """Return the snapshot of card.json, or of its sections, status and inputs alone."""
    values = {fact["field"]: fact for fact in facts(card["sections"])}
    return Snapshot(values, card["status"], _protocols(card["sections"]), card["inputs"])


def facts(value: Any) -> Iterator[FactJson]:
    """Yield every fact of card.json, in its order."""
    if isinstance(value, dict):
        if is_fact(value):
            yield value
        else:
            for item in value.values():
                yield from facts(item)
    elif isinstance(value, list):
        for item in value:
            yield from facts(item)


def is_fact(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a fact; a row of a table can have a column `field` or `kind`, too."""
    return {"field", "kind", "sources"} <= value.keys()


def _protocols(sections: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    tables = sections["5"]["tables"] if "5" in sections else {"meaning": [], "protocol": []}
    choices: dict[str, list[Any]] = {}
    for row in tables["protocol"]:
        choices.setdefault(row["metric"]["value"], []).append(
            [row["choice"], row["value"]["value"]]
        )
    return {
        row.get("key") or row["key in metrics.json"]: {  # the column of earlier cards
            "title": slug(title := row["metric"]["value"]),
            "sha256": protocol_digest(choices.get(title, [])),
        }
        for row in tables["meaning"]
    }


def protocol_digest(choices: list[Any]) -> str:
    """sha256 of the choices behind a metric: pairs of name and value, in any order."""
    return sha256_of_json(sorted(choices, key=lambda choice: str(choice[0])))


def other_protocols(was: Snapshot, now: Snapshot) -> dict[str, str]:
    """Return the metrics that two cards measure differently: by key, in which card or how."""
    found = {}
    for key in sorted({*was.protocols, *now.protocols}):
        if key not in now.protocols:
            found[key] = "in the last release alone"
        elif key not in was.protocols:
            found[key] = "now alone"
        elif was.protocols[key]["sha256"] != now.protocols[key]["sha256"]:
            found[key] = "in both, with other choices: not to be compared"
    return found


_RELEASED = re.compile(
    r"(\d+(\.\d)?|[56])\.\w+"
    r"|(2\.\d|3\.2|4\.4|6|8)\..+|4\.1\.properties\..+"
    r"|5\.checklist\.\w+\.\w+"
    r"|5\.figures_holdout\..+\.(synthetic|real_baseline|difference|95_interval_(low|high)|verdict)"
    r"|5\.(properties|privacy|gate)\..+|5\.goals\..+\.verdict"
    r"|A\..+\.verdict"
)
"""Fields whose values a release holds: facts, parameters, texts, held-out figures, verdicts."""

_OF_OTHER_CARDS = re.compile(r"5\.checklist\.(\d+|\w+_release_[\d.]+)\..+|.+\.goal")
"""Rows that repeat what earlier cards and the original say, and goals, which policy.yaml has."""


def part_of_a_release(snapshot: Snapshot) -> Snapshot:
    """Return the values that a release holds."""
    values = {
        field: fact
        for field, fact in snapshot.values.items()
        if _RELEASED.fullmatch(field) and not _OF_OTHER_CARDS.fullmatch(field)
    }
    return replace(snapshot, values=values)
