"""The structure of card.json, version ``syda-card-4``."""

import json
import uuid
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.config import JsonDict

from syda.card.declared import Strict
from syda.card.facts import SCHEMA, Kind
from syda.card.status import State

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Source = Annotated[str, Field(pattern="^[^#]+#/.*$")]


_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ABSENT_OR_FROM_SOMEWHERE: JsonDict = {
    "if": {"properties": {"kind": {"const": "absent"}}},
    "then": {
        "properties": {
            "value": {"type": "null"},
            "sources": {"maxItems": 0},
            "owner": {"minLength": 1},
        },
        "required": ["owner"],
    },
    "else": {
        "properties": {"value": {"not": {"type": "null"}}, "sources": {"minItems": 1}},
    },
}
"""The rule of the validator below, as JSON Schema."""


class FactEntry(Strict):
    """A value with its sources; if it is missing, the role that has to supply or confirm it."""

    model_config = ConfigDict(json_schema_extra=_ABSENT_OR_FROM_SOMEWHERE)

    field: str
    label: str
    value: Any
    kind: Kind
    sources: tuple[Source, ...]
    unit: str = ""
    note: str = ""
    owner: str = ""
    declared_for: str = ""

    @model_validator(mode="after")
    def _absent_or_from_somewhere(self) -> Self:
        absent = self.kind == "absent"
        if absent != (self.value is None) or (absent or bool(self.declared_for)) != bool(
            self.owner
        ):
            raise ValueError("missing values, and no others, have an owner")
        if absent == bool(self.sources):
            raise ValueError("values that are there, and no others, have a source")
        return self


class SectionEntry(Strict):
    """A section: facts by name, tables of rows; a cell is a fact or a text that is none."""

    title: str
    facts: dict[str, FactEntry]
    tables: dict[str, tuple[dict[str, FactEntry | str], ...]]


class SignOffEntry(Strict):
    """A sign-off, and whether the section's text has changed since."""

    name: str
    role: str
    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    meaning: str
    digest: Digest
    stale: bool


class StatusEntry(Strict):
    """Status of a section."""

    state: State
    present: int
    missing: tuple[str, ...]
    owners: tuple[str, ...]
    digest: Digest
    signoffs: tuple[SignOffEntry, ...]


class CardFile(Strict):
    """The whole file."""

    json_schema: Annotated[str, Field(alias="$schema", min_length=1)]
    schema_: Annotated[Literal["syda-card-4"], Field(alias="schema")]
    status: dict[str, StatusEntry]
    sections: dict[str, SectionEntry]
    inputs: dict[str, Digest]


STRUCTURES: dict[str, type[Strict]] = {"syda-card-4": CardFile}
"""By the file's schema: a release keeps the structure that it was made with."""


def card_schema() -> dict[str, Any]:
    """Return the structure as JSON Schema, draft 2020-12, for readers in other languages.

    Its id is a name and no address: a UUID from the structure's version (RFC 9562, version 5).
    """
    name = uuid.uuid5(uuid.NAMESPACE_OID, SCHEMA)
    return {
        "$schema": _DIALECT,
        "$id": f"urn:uuid:{name}",
        **CardFile.model_json_schema(),
        "title": f"Model card of SYDA, structure {SCHEMA}",
    }


def faults(content: Any) -> list[str]:
    """Return what is wrong with the structure of card.json: the place and the reason, each.

    Args:
        content: what the file holds.
    """
    schema = content.get("schema") if isinstance(content, dict) else None
    return faults_of(STRUCTURES.get(str(schema), CardFile), content)


def faults_of(model: type[Strict], content: Any) -> list[str]:
    """Return what is wrong with the structure of a JSON file: the place and the reason, each.

    Args:
        model: what it shall hold.
        content: what it holds.
    """
    try:
        model.model_validate_json(json.dumps(content))  # JSON has lists where these have tuples
    except ValidationError as error:
        return [
            f"#/{'/'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
    return []
