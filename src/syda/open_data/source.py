"""A pinned list of public series, and its description: ``data/sources/NAME.csv`` and ``.yaml``."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from syda import paths
from syda.errors import CorruptData, UsageError


class PinnedSeries(BaseModel):
    """A series of the list.

    Attributes:
        uid: SeriesInstanceUID (DICOM PS3.3 C.7.3.1).
        folder: ``crdc_series_uuid``: folder in the bucket. It names one revision of the series.
        files: number of instances.
        size: of all files, bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    uid: str = Field(alias="SeriesInstanceUID", pattern=r"^[0-9.]{1,64}$")
    folder: str = Field(
        alias="crdc_series_uuid", pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
    )
    files: int = Field(alias="instanceCount", ge=1)
    size: int = Field(ge=1)


class StoneReading(BaseModel):
    """Whether somebody read the scans for stones.

    ``convert.select.exclude`` in params.yaml lists the cases that have some.

    Attributes:
        status: whether some or all scans were read.
        reader: role and experience of the reader.
        note: what the source says about stones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    status: Literal["read by nobody", "read in part", "read"]
    reader: str | None
    note: str | None

    @model_validator(mode="after")
    def _has_a_reader(self) -> Self:
        if (self.status == "read by nobody") != (self.reader is None):
            raise ValueError(f"{self.status!r} and reader {self.reader!r} contradict each other")
        return self


class SourceCohort(BaseModel):
    """What is known of the patients of a list; None where nobody has written it yet.

    Attributes:
        disease: what they have.
        consent: basis of consent.
        contrast: whether there is contrast agent.
        stones: whether somebody read the scans for stones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    disease: str | None
    consent: str | None
    contrast: str | None
    stones: StoneReading


class SourceDescription(BaseModel):
    """Where a list comes from, under which terms, and what is known of its patients.

    Attributes:
        title: of the list.
        bucket: that has the files.
        licence: short name.
        licence_url: its text.
        doi: of the data set.
        citation: attribution that the licence asks for.
        query: condition on the index that selects the series.
        index_version: of the Imaging Data Commons.
        patients: number of patients, each with one series.
        files: number of files.
        bytes: of all files.
        cohort: the patients.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str
    bucket: str = Field(pattern=r"^[a-z0-9.-]+$")
    licence: str
    licence_url: str | None
    doi: str
    citation: str | None
    query: str
    index_version: str
    patients: int
    files: int
    bytes: int
    cohort: SourceCohort


@dataclass(frozen=True)
class OpenDataSource:
    """A list and its description.

    Attributes:
        name: of its files.
        description: licence, citation and the like.
        series: one of each patient, by PatientID.
    """

    name: str
    description: SourceDescription
    series: tuple[PinnedSeries, ...]


def description_path(name: str) -> Path:
    """Path of the description of a list, relative to the repository."""
    return paths.SOURCES / f"{name}.yaml"


def to_csv(series: Iterable[PinnedSeries]) -> str:
    """Return the text of a list."""
    rows = [one.model_dump(by_alias=True) for one in series]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def load(root: Path, name: str) -> OpenDataSource:
    """Read a list and its description, and compare them.

    Raises:
        CorruptData: a file is malformed, or the description gives other totals than the list has.
        UsageError: there is no such list.
    """
    names = sorted(file.stem for file in (root / paths.SOURCES).glob("*.yaml"))
    if name not in names:
        raise UsageError(f"fetch: no list {name}: {paths.SOURCES} has {', '.join(names) or 'none'}")
    path = description_path(name)
    try:
        description = SourceDescription(**YAML(typ="safe").load(root / path))
        path = path.with_suffix(".csv")
        with (root / path).open(encoding="utf-8", newline="") as stream:
            series = tuple(PinnedSeries(**row) for row in csv.DictReader(stream, strict=True))
    except (ValidationError, YAMLError, TypeError, csv.Error, FileNotFoundError) as error:
        raise CorruptData(f"fetch: {path}: {_fault(error)}: `git checkout {path}`") from error
    stated = description.patients, description.files, description.bytes
    counted = len(series), sum(one.files for one in series), sum(one.size for one in series)
    if counted != stated or len({one.folder for one in series}) != len(series):
        raise CorruptData(
            f"fetch: {path}: {counted} series, files and bytes, the description says {stated}: "
            "correct the one that is wrong"
        )
    return OpenDataSource(name, description, series)


def _fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return " ".join(str(error).split())
