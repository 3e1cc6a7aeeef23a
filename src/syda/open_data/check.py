"""The check of one series that was downloaded, before it becomes part of a data version."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataelem import RawDataElement

from syda.errors import CheckFailed
from syda.open_data.bucket import BucketObject
from syda.open_data.digests import FetchedSeries
from syda.open_data.source import PinnedSeries
from syda.runtime.digest import combined_digest, digest_file

_UNDEFINED = 0xFFFFFFFF
"""Length of an element that a delimiter ends (DICOM PS3.5 7.1.1)."""


def check_series(
    series: PinnedSeries, folder: Path, objects: Sequence[BucketObject], recorded: str | None
) -> FetchedSeries:
    """Compare the files of a series with the list, the bucket and the first fetch.

    Args:
        series: what the list says.
        folder: of the files.
        objects: what the bucket says.
        recorded: digest of the first fetch, or None if this is the first.

    Returns:
        The digest, and whether the bucket had an MD5 of every file.

    Raises:
        CheckFailed: the first difference, with the number of files that have one.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if len(files) != series.files:
        raise _failed(series, f"{len(files)} files, the list says {series.files}")
    md5s = {each.name: each.md5 for each in objects}
    faults, digests, size = [], [], 0
    for file in files:
        name, digest = file.relative_to(folder).as_posix(), digest_file(file)
        digests.append((name, digest.sha256))
        size += digest.size
        fault = digest.error or _md5_fault(name, digest.md5, md5s) or dicom_fault(file, series.uid)
        if fault:
            faults.append(f"{name} {fault}")
    if faults:
        raise _failed(series, f"{len(faults)} of {len(files)} files are faulty: {faults[0]}")
    if size != series.size:
        raise _failed(series, f"{size:,} bytes, the list says {series.size:,}")
    sha256 = combined_digest(digests)
    if recorded not in (None, sha256):
        raise _failed(series, "other bytes than at the first fetch, whose digest is recorded")
    return FetchedSeries(
        folder=series.folder, sha256=sha256, md5_verified=None not in md5s.values()
    )


def dicom_fault(file: Path, uid: str) -> str:
    """Say why a file is no complete instance of a series; empty if it is one.

    pydicom reads a file whose last value is cut off, so each length is compared with its value.

    Args:
        file: to read.
        uid: SeriesInstanceUID that it must have.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            dataset = pydicom.dcmread(file)
            found = str(dataset.get("SeriesInstanceUID", ""))
    except Exception as error:  # the parser documents no errors for damaged bytes
        return f"cannot be parsed as DICOM ({type(error).__name__})"
    if "PixelData" not in dataset:
        return "is cut off: it has no pixels"
    if any(_is_cut_off(dataset.get_item(tag)) for tag in dataset.keys()):  # noqa: SIM118  (no dict)
        return "is cut off: a value is shorter than its length"
    return "" if found == uid else "has another SeriesInstanceUID than the list"


def _is_cut_off(element: Any) -> bool:
    if not isinstance(element, RawDataElement) or element.length == _UNDEFINED:
        return False
    return element.length != len(element.value or b"")


def _md5_fault(name: str, md5: str, expected: Mapping[str, str | None]) -> str:
    if name not in expected:
        return "is not in the bucket"
    return "has another MD5 than in the bucket" if expected[name] not in (None, md5) else ""


def _failed(series: PinnedSeries, what: str) -> CheckFailed:
    return CheckFailed(f"{series.folder}: {what}")
