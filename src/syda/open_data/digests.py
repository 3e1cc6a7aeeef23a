"""Digests of the series that were fetched: ``data/sources/NAME.digests.csv``, which git tracks."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from syda import paths
from syda.errors import CorruptData
from syda.runtime.outputs import write_text


class FetchedSeries(BaseModel):
    """A row of the file.

    Attributes:
        folder: ``crdc_series_uuid``.
        sha256: combined digest of names and contents (:func:`syda.runtime.digest.digest_path`).
        md5_verified: whether the first fetch compared each file with an MD5 of the bucket.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    folder: str = Field(alias="crdc_series_uuid")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    md5_verified: bool


COLUMNS = ("crdc_series_uuid", "sha256", "md5_verified")


@dataclass
class DigestFile:
    """The file and its rows.

    Attributes:
        path: of the file.
        rows: by ``crdc_series_uuid``.
    """

    path: Path
    rows: dict[str, FetchedSeries]

    def digest(self, folder: str) -> str | None:
        """Return the digest of a series, or None before its first fetch."""
        return self.rows[folder].sha256 if folder in self.rows else None

    def add(self, row: FetchedSeries) -> None:
        """Add a row and write the file, sorted by series."""
        self.rows[row.folder] = row
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for _, each in sorted(self.rows.items()):
            values = each.model_dump(mode="json", by_alias=True)
            writer.writerow({**values, "md5_verified": str(each.md5_verified).lower()})
        write_text(self.path, text.getvalue())


def relative_path(name: str) -> Path:
    """Path of the file of a list, relative to the repository."""
    return paths.SOURCES / f"{name}.digests.csv"


def load(root: Path, name: str) -> DigestFile:
    """Read the file of a list; it has no rows before the first fetch.

    Raises:
        CorruptData: it is malformed.
    """
    path = root / relative_path(name)
    if not path.exists():
        return DigestFile(path, {})
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = [FetchedSeries(**row) for row in csv.DictReader(stream, strict=True)]
    except (ValidationError, TypeError, csv.Error) as error:
        shown = relative_path(name)
        raise CorruptData(f"fetch: {shown}: malformed: `git checkout {shown}`") from error
    return DigestFile(path, {row.folder: row for row in rows})
