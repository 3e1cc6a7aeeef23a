"""``syda fetch --new NAME --query CONDITION``: a new list, from the index of the IDC.

The package idc-index-data holds the index as a table of series. It comes with the extra ``idc``.
"""

import json
import re
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any

from syda import paths
from syda.errors import CheckFailed, UsageError
from syda.open_data import source
from syda.open_data.source import PinnedSeries
from syda.runtime.outputs import write_text

PACKAGE = "idc-index-data"

_TERMS = ("aws_bucket", "collection_id", "license_short_name", "source_DOI")
"""Columns that have one value in a list."""

_COLUMNS = ("PatientID", "SeriesInstanceUID", "crdc_series_uuid", "instanceCount", "series_size_MB")

_DESCRIPTION = """\
# What `syda fetch {name}` downloads; the CSV beside it lists the series, a patient each.
# The card reads it. Fill in the empty keys: docs/open-data.md describes them.
title: {title}
bucket: {aws_bucket}
licence: {license_short_name}
licence_url:
doi: {source_DOI}
citation:
query: {query}
index_version: {index_version}
patients: {patients}
files: {files}
bytes: {bytes}
cohort:
  disease:
  consent:
  contrast:
  stones:
    status: read by nobody     # or: read in part, read
    reader:                    # role and experience of who read the scans
    note:
"""


def new(root: Path, name: str, query: str) -> list[str]:
    """Write the list and the description of a query.

    Args:
        root: of the repository.
        name: of the list.
        query: condition of SQL on the columns of the index.

    Returns:
        Lines to print: what was written, and what to do next.

    Raises:
        CheckFailed: the query selects no series, several of a patient, or several licences,
            collections, buckets or DOIs.
        UsageError: a wrong name or query, a name that is taken, or no index.
    """
    if not re.fullmatch("[a-z0-9][a-z0-9-]*", name):
        raise UsageError(f"fetch: {name!r}: a name has lower-case letters, digits and hyphens")
    description = source.description_path(name)
    series_list = description.with_suffix(".csv")
    if (root / description).exists() or (root / series_list).exists():
        raise UsageError(f"fetch: {paths.SOURCES} has {name} already: take another name")
    rows, version = _select(query)
    _check(rows)
    series = [_pinned(row) for row in rows]
    size = sum(one.size for one in series)
    texts = {"title": name, "query": query, "index_version": version} | {
        key: rows[0][key] for key in _TERMS
    }
    text = _DESCRIPTION.format(
        **{key: json.dumps(text, ensure_ascii=False) for key, text in texts.items()},
        name=name,
        patients=len(series),
        files=sum(one.files for one in series),
        bytes=size,
    )
    write_text(root / series_list, source.to_csv(series))
    write_text(root / description, text)
    return [
        f"fetch: {len(series)} series of as many patients, {size / 1e6:,.0f} MB, "
        f"{rows[0]['license_short_name']}: {series_list}",
        "next:",
        f"  fill in the empty keys of {description}",
        f"  git add {paths.SOURCES}",
        f"  syda fetch {name} --version v2 --limit 3",
    ]


def _select(query: str) -> tuple[list[dict[str, Any]], str]:
    """Rows of the index that fulfil a condition, by patient, and the version of the index."""
    try:
        index = metadata.distribution(PACKAGE)
        import duckdb  # noqa: PLC0415  (an extra)
    except (metadata.PackageNotFoundError, ImportError) as error:
        raise UsageError(f"fetch: no {PACKAGE}: `pip install -e '.[idc]'`") from error
    order = "PatientID, SeriesInstanceUID"
    columns = ", ".join((*_COLUMNS, *_TERMS))
    with duckdb.connect() as database:
        table = index.locate_file("idc_index_data/idc_index.parquet")
        database.read_parquet(str(table)).create_view("index")
        try:
            found = database.sql(f"SELECT {columns} FROM index WHERE ({query}) ORDER BY {order}")
            rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        except duckdb.Error as error:
            reason = " ".join(str(error).split())
            raise UsageError(f"fetch: --query: no condition on the index: {reason}") from error
    return rows, f"v{index.version.split('.')[0]}"


def _check(rows: list[dict[str, Any]]) -> None:
    if not rows:
        raise CheckFailed("fetch: --query: no series of the index fulfils it: widen it")
    for column in _TERMS:
        values = sorted({row[column] for row in rows})
        if len(values) > 1:
            raise CheckFailed(
                f"fetch: --query: {len(values)} values of {column}, a list has one: add a "
                f"condition: {', '.join(values)}"
            )
    patients = Counter(row["PatientID"] for row in rows)
    several = sum(count > 1 for count in patients.values())
    if several:
        raise CheckFailed(
            f"fetch: --query: {len(rows)} series of {len(patients)} patients, {several} of them "
            "with several: a list has one series of each, so add a condition"
        )


def _pinned(row: dict[str, Any]) -> PinnedSeries:
    return PinnedSeries(
        SeriesInstanceUID=row["SeriesInstanceUID"],
        crdc_series_uuid=row["crdc_series_uuid"],
        instanceCount=row["instanceCount"],
        size=round(row["series_size_MB"] * 1e6),
    )
