"""A pinned list of public series, and its description: ``data/sources/NAME.csv`` and ``.yaml``."""

import csv
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
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


class SourceDescription(BaseModel):
    """Where a list comes from, under which terms, and what is known of its patients."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str
    bucket: str = Field(pattern=r"^[a-z0-9.-]+$")
    licence: str
    doi: str
    citation: str
    selection: str
    index_version: str
    patients: int
    files: int
    bytes: int
    cohort: dict[str, str]


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


def load(root: Path, name: str) -> OpenDataSource:
    """Read a list and its description, and compare them.

    Raises:
        CorruptData: a file is malformed, or the description gives other totals than the list has.
        UsageError: there is no such list.
    """
    names = sorted(file.stem for file in (root / paths.SOURCES).glob("*.yaml"))
    if name not in names:
        raise UsageError(f"fetch: no list {name}: {paths.SOURCES} has {', '.join(names) or 'none'}")
    path = paths.SOURCES / f"{name}.yaml"
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
