"""The local table from case ids to folders and files: ``.syda/cases-<version>.json``.

It leads from a pseudonym back to a scan, so that somebody can look at a fault or withdraw a
consent. Only its owner can read it, git ignores it, and no report or log quotes it.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syda import paths
from syda.dicom import archive, identity
from syda.dicom.outcome import Outcome
from syda.errors import UsageError
from syda.runtime.digest import sha256_of_file
from syda.runtime.outputs import as_json


@dataclass(frozen=True)
class Sources:
    """Where the files of a data version come from.

    Attributes:
        raw: folder of the data version.
        unpacked: folder with the content of its archives, numbered from 1.
        archives: the archives in that order.
    """

    raw: Path
    unpacked: Path
    archives: Sequence[Path]

    def name(self, file: Path) -> str:
        """Return the path of a file below the raw folder; a member's number follows its archive."""
        if not file.is_relative_to(self.unpacked):
            return os.fsencode(file.relative_to(self.raw)).decode(errors="replace")
        number, *member = file.relative_to(self.unpacked).parts
        return "/".join([self.name(self.archives[int(number) - 1]), *member])


def rows(files: Sequence[Path], outcomes: Iterable[Outcome], sources: Sources) -> dict[str, Any]:
    """Return the rows of the cases of one series, by case id or pseudonym."""
    names = [sources.name(file) for file in sorted(files)]
    folder = os.path.commonpath([os.path.dirname(name) for name in names])  # noqa: PTH120
    found = {}
    for one in outcomes:
        facts = one.facts
        found[one.label] = {
            "patient": facts.patient if facts else one.patient,
            "reason": one.reason,
            "folder": folder,
            "files": names,
            "body_part": facts and facts.body_part,
            "contrast": facts and facts.contrast,
            "enhanced_share": facts and facts.enhanced_share,
            "cross_section_mm2": facts and facts.cross_section_mm2,
        }
    return found


def archive_rows(outcomes: Sequence[Outcome], sources: Sources, key: bytes) -> dict[str, Any]:
    """Return the rows of rejected archives. One inside another archive has none."""
    reasons = {one.label: one.reason for one in outcomes}
    labels = (
        (identity.archive_pseudonym(key, sha256_of_file(path)), sources.name(path))
        for path in (sources.archives if outcomes else ())
    )
    return {
        label: {"patient": "", "reason": reasons[label], "folder": "", "files": [name]}
        for label, name in labels
        if label in reasons
    }


def sources_of(raw: Path, unpacked: Path, found: Iterable[Path]) -> Sources:
    """Return the sources of the files that were found in a raw folder, in their order."""
    return Sources(raw, unpacked, [file for file in found if archive.is_archive(file)])


def write(root: Path, version: str, table: Mapping[str, Any]) -> None:
    """Write the table, which only its owner can read, and rename it into place."""
    path = root / paths.case_table(version)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    with suppress(FileNotFoundError):
        temporary.unlink()  # of a run that was killed
    try:
        opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "wb") as file:
            file.write(as_json(table))
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def find(root: Path, version: str, key: bytes, name: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a patient, or of a case.

    Args:
        root: repository root.
        version: data version.
        key: key of its pseudonyms.
        name: PatientID, Study Instance UID where that is empty, or a case id.

    Raises:
        UsageError: there is no table yet, or nothing by that name. The message does not quote it.
    """
    path = paths.case_table(version)
    if not (root / path).is_file():
        raise UsageError(f"who: {path} does not exist: run `dvc repro -f convert`")
    table: dict[str, dict[str, Any]] = json.loads((root / path).read_text(encoding="utf-8"))
    patient = identity.patient_pseudonym(key, name)
    found = {
        label: row for label, row in table.items() if row["patient"] == patient or label == name
    }
    if not found:
        raise UsageError(f"who: no series of data version {version} has this PatientID or case id")
    return found
