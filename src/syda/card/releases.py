"""Releases of the card: ``model_card/releases/<report version>``, frozen, each with its record.

A release holds the card and all that it was made from and links to, in the folders that they had in
the repository: a link of its page, and a pointer of its card.json, lead to the file of its time.
``release.json``, its record, has their digests.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from syda.card import sources, structure
from syda.card.declared import Strict
from syda.card.sources import Release
from syda.card.structure import Digest
from syda.errors import CheckFailed, CorruptData

RECORD = "release.json"
SCHEMA = "syda-release-1"
"""Version of the structure of release.json."""

VERSION = re.compile(r"\d+(\.\d+)*")
"""A report version that can be released: numbers with dots between."""

CARD = "model_card/card.json"
DETAILS = "reports/evaluation/details.json"
"""Files of a release that a later card reads."""


class Data(Strict):
    """The data version, and digests of its raw data and of the records packed from it."""

    version: str
    raw_sha256: Digest
    records_sha256: Digest


class Weights(Strict):
    """The released weights."""

    sha256: Digest
    bytes: int


class RecordFile(Strict):
    """What ``release.json`` holds: ``code`` by stage, ``files`` by path in the release."""

    schema_: Annotated[Literal["syda-release-1"], Field(alias="schema")]
    report_version: str
    model_version: str
    data: Data
    weights: Weights
    code: dict[str, Digest]
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}([0-9a-f]{24})?$")]
    files: dict[str, Digest]


def order(version: str) -> tuple[int, ...]:
    """Key to sort report versions by: 0.2 comes before 0.10."""
    return tuple(int(number) for number in version.split("."))


def versions(root: Path, folder: Path) -> list[str]:
    """Report versions of the releases there are, in order.

    Args:
        root: repository root.
        folder: of the releases, relative to root.
    """
    found = [path.name for path in (root / folder).iterdir() if path.is_dir()]
    return sorted((name for name in found if VERSION.fullmatch(name)), key=order)


def read(root: Path, folder: Path) -> list[Release]:
    """Read all releases, in order.

    Args:
        root: repository root.
        folder: of the releases, relative to root.

    Raises:
        CheckFailed: a file of one is not what was released.
    """
    found = []
    for version in versions(root, folder):
        if wrong := faults(root, folder / version):
            raise CheckFailed(f"{wrong[0]}: a release never changes: `git checkout` it")
        base = folder / version
        documents = (sources.read(root, base / name) for name in (RECORD, CARD, DETAILS))
        found.append(Release(version, *documents))
    return found


def faults(root: Path, base: Path) -> list[str]:
    """Hold a release to its record, and record and card to their structure; a line a fault.

    Args:
        root: repository root.
        base: of the release, relative to root.
    """
    record = base / RECORD
    try:
        content = sources.read(root, record).content
    except (OSError, CorruptData) as error:
        return [f"{record}: is missing" if isinstance(error, OSError) else str(error)]
    if wrong := structure.faults_of(RecordFile, content):
        return [f"{record}{fault}" for fault in wrong]
    found = []
    if content["report_version"] != base.name:
        found.append(f"{record}#/report_version: is not the folder's name")
    files = content["files"]
    for name, recorded in files.items():
        if not (root / base / name).is_file():
            found.append(f"{base / name}: is missing")
        elif sha256((root / base / name).read_bytes()) != recorded:
            found.append(f"{base / name}: is not what was released")
    there = (path for path in sorted((root / base).rglob("*")) if path.is_file())
    names = [path.relative_to(root / base).as_posix() for path in there]
    found += [
        f"{base / name}: was not released" for name in names if name not in files | {RECORD: ""}
    ]
    missing = [name for name in (CARD, DETAILS) if name not in files]
    found += [f"{record}#/files: lacks {name}" for name in missing]
    return found or _structure(root, base)


def _structure(root: Path, base: Path) -> list[str]:
    card = sources.read(root, base / CARD)
    schema = card.content.get("schema") if isinstance(card.content, dict) else None
    if schema not in structure.STRUCTURES:
        return [f"{card.path}#/schema: {schema!r} is none that was ever released"]
    return [f"{card.path}{fault}" for fault in structure.faults(card.content)]


def sha256(data: bytes) -> str:
    """Digest of a file's bytes, as the record has it."""
    return hashlib.sha256(data).hexdigest()


def before(found: Sequence[Release], version: str) -> list[Release]:
    """Releases with a lower report version, in order; all of them if it is no such version."""
    if not VERSION.fullmatch(version):
        return list(found)
    return [one for one in found if order(one.version) < order(version)]
