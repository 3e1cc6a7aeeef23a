"""The structure of card.json, version ``syda-card-2``: what every reader of it may rely on."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from syda.card.declared import Strict
from syda.card.schema import Kind
from syda.card.status import State

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Source = Annotated[str, Field(pattern="^[^#]+#/.*$")]


class FactEntry(Strict):
    """A value with how it is known: who owes it if it is absent, and where it comes from if not."""

    field: str
    label: str
    value: Any
    kind: Kind
    sources: tuple[Source, ...]
    unit: str = ""
    note: str = ""
    owner: str = ""

    @model_validator(mode="after")
    def _absent_or_from_somewhere(self) -> Self:
        absent = self.kind == "absent"
        if absent != (self.value is None) or absent != bool(self.owner):
            raise ValueError("absent values, and no others, have an owner")
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
    """How far a section is."""

    state: State
    present: int
    missing: tuple[str, ...]
    owners: tuple[str, ...]
    digest: Digest
    signoffs: tuple[SignOffEntry, ...]


class CardFile(Strict):
    """The whole file."""

    schema_: Annotated[Literal["syda-card-2"], Field(alias="schema")]
    status: dict[str, StatusEntry]
    sections: dict[str, SectionEntry]
    inputs: dict[str, Digest]


STRUCTURES: dict[str, type[Strict]] = {"syda-card-2": CardFile}
"""By the file's schema: a release keeps the structure that it was made with."""


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
