"""Releases of the card: one file ``model_card/releases/<report version>.json`` for each.

It holds the commit and its date, the digests of the files that the card was made from and of the
card, and the values that later cards and ``syda card diff`` show. `git show COMMIT:PATH` shows a
file as it was.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from syda import paths
from syda.card import documents, json_schema, snapshots
from syda.card.declared import Strict
from syda.card.documents import Document
from syda.card.facts import Fact
from syda.card.json_schema import Digest, StatusEntry
from syda.card.snapshots import FactJson, Snapshot
from syda.errors import CheckFailed, CorruptData
from syda.runtime.digest import sha256_of
from syda.runtime.outputs import as_json

SCHEMA = "syda-release-3"
"""Version of the structure of the file."""

VERSION = re.compile(r"\d+(\.\d+)*")
"""A report version that can be released: numbers with dots between."""

KINDS = ("measured", "derived", "setting", "declared")
"""Keys of the file that hold values by field."""


class ProtocolEntry(Strict):
    """A metric: its title as the names of fields have it, and the sha256 of its choices."""

    title: str
    sha256: Digest


class ReleaseFile(Strict):
    """What the file holds; ``absent`` has the role that has to supply the value."""

    schema_: Annotated[Literal["syda-release-2", "syda-release-3"], Field(alias="schema")]
    report_version: str
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}([0-9a-f]{24})?$")]
    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    inputs: dict[str, Digest]
    outputs: dict[str, Digest]
    status: dict[str, StatusEntry]
    protocols: dict[str, ProtocolEntry]
    measured: dict[str, Any]
    derived: dict[str, Any]
    setting: dict[str, Any] = Field(default_factory=dict)  # syda-release-2 has them in `measured`
    declared: dict[str, Any]
    absent: dict[str, str]
    units: dict[str, str]
    sha256: Digest


@dataclass(frozen=True)
class Release:
    """A release of the card.

    Attributes:
        version: report version.
        record: its file.
    """

    version: str
    record: Document

    def snapshot(self) -> Snapshot:
        """Return what a comparison with another card needs."""
        content = self.record.content
        values: dict[str, FactJson] = {
            field: {"value": None, "kind": "absent", "owner": owner}
            for field, owner in content["absent"].items()
        }
        for kind in KINDS:
            for field, value in content.get(kind, {}).items():
                unit = content["units"].get(field, "")
                values[field] = {"value": value, "kind": kind, "unit": unit}
        measured = {
            path: sha256
            for path, sha256 in content["inputs"].items()
            if not Path(path).is_relative_to(paths.MODEL_CARD)  # declared texts are values
        }
        return Snapshot(values, content["status"], content["protocols"], measured, released=True)

    def kind(self, field: str) -> str | None:
        """Return the key of the file under which a value lies; None where there is none."""
        return next((kind for kind in KINDS if field in self.record.content.get(kind, {})), None)

    def fact(self, label: str, field: str) -> Fact | None:
        """Return a value of the release as a fact; None where there is none."""
        kind = self.kind(field)
        if kind is None:
            return None
        unit = self.record.content["units"].get(field, "")
        return self.record.fact(label, kind, field, unit=unit)


def content(
    snapshot: Snapshot,
    version: str,
    commit: tuple[str, str],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
) -> dict[str, Any]:
    """Return the content of a release's file.

    Args:
        snapshot: of the card.
        version: report version.
        commit: that the release is of, and its date.
        inputs: sha256 of the files that the card was made from, by path.
        outputs: sha256 of the files of the card, by path.
    """
    values = snapshots.part_of_a_release(snapshot).values
    by_kind = {
        kind: {field: fact["value"] for field, fact in values.items() if fact["kind"] == kind}
        for kind in KINDS
    }
    found = {
        "schema": SCHEMA,
        "report_version": version,
        "commit": commit[0],
        "date": commit[1],
        "inputs": dict(inputs),
        "outputs": dict(outputs),
        "status": snapshot.status,
        "protocols": snapshot.protocols,
        **by_kind,
        "absent": {f: fact["owner"] for f, fact in values.items() if fact["kind"] == "absent"},
        "units": {field: fact["unit"] for field, fact in values.items() if fact.get("unit")},
    }
    return found | {"sha256": _digest(found)}


def _digest(found: Mapping[str, Any]) -> str:
    """sha256 of the content without its own digest."""
    return sha256_of(as_json({key: value for key, value in found.items() if key != "sha256"}))


def order(version: str) -> tuple[int, ...]:
    """Key to sort report versions by: 0.2 comes before 0.10."""
    return tuple(int(number) for number in version.split("."))


def versions(root: Path, folder: Path) -> list[str]:
    """Report versions of the releases there are, in order.

    Args:
        root: repository root.
        folder: of the releases, relative to root.
    """
    found = [path.stem for path in (root / folder).glob("*.json")]
    return sorted((name for name in found if VERSION.fullmatch(name)), key=order)


def file_of(folder: Path, version: str) -> Path:
    """Path of a release's file."""
    return folder / f"{version}.json"


def read(root: Path, folder: Path) -> list[Release]:
    """Read all releases, in order.

    Args:
        root: repository root.
        folder: of the releases, relative to root.

    Raises:
        CheckFailed: a file is not what was released.
    """
    found = []
    for version in versions(root, folder):
        path = file_of(folder, version)
        if wrong := faults(root, path):
            raise CheckFailed(f"{wrong[0]}: a release never changes: `git checkout` it")
        found.append(Release(version, documents.read(root, path)))
    return found


def faults(root: Path, path: Path) -> list[str]:
    """Check the file of a release: structure, version and digest; return a line a fault.

    Args:
        root: repository root.
        path: of the file, relative to root.
    """
    try:
        found = documents.read(root, path).content
    except CorruptData as error:
        return [str(error)]
    if wrong := json_schema.faults_of(ReleaseFile, found):
        return [f"{path}{fault}" for fault in wrong]
    if found["report_version"] != path.stem:
        return [f"{path}#/report_version: is not the name of the file"]
    if found["sha256"] != _digest(found):
        return [f"{path}: is not what was released"]
    return []


def before(found: Sequence[Release], version: str) -> list[Release]:
    """Releases with a lower report version, in order; all of them if it is no such version."""
    if not VERSION.fullmatch(version):
        return list(found)
    return [one for one in found if order(one.version) < order(version)]
