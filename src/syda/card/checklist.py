"""First table of section 5: the four columns of the checklist, a row a release.

A figure of a release that was measured with another protocol is not shown.
"""

from collections.abc import Mapping

from syda.card.declared import Declarations
from syda.card.documents import Document
from syda.card.facts import Fact, Row, slug
from syda.card.inputs import CardInputs
from syda.card.releases import Release
from syda.card.snapshots import protocol_digest
from syda.runtime.nested import leaves

SPLITS = {"holdout": "held out", "train": "trained on"}
"""Splits with their description, in the order of the tables."""

NOT_COMPARABLE = "another protocol: not comparable"

METRICS = {"MS-SSIM": "ms_ssim", "perceptual loss": "perceptual"}
"""The checklist's names of two metrics, and how their keys begin."""

Columns = Mapping[str, str]
"""The checklist's name of a metric to its key."""


def rows(inputs: CardInputs, columns: Columns) -> list[Row]:
    """Return the table: this run, the releases from the last one on, and the original.

    Args:
        inputs: of the card.
        columns: metrics of the table.
    """
    details = inputs.reports["details"]
    earlier = [_of_release(one, columns, details) for one in reversed(inputs.earlier)]
    return [_row(inputs.reports, columns), *earlier, _historical(inputs.declared)]


def _row(reports: Mapping[str, Document], columns: Columns) -> Row:
    metrics, details, convert = reports["metrics"], reports["details"], reports["convert"]
    version = convert.value("version")
    people = "artificial" if convert.value("artificial") else "real"
    row: dict[str, Fact | str] = {
        "dataset name": Fact(
            "dataset name", f"{version} holdout", "derived", (convert.pointer("version"),)
        ),
        "dataset description": Fact(
            "dataset description",
            f"{metrics.value('n', 'holdout')} scans of {people} patients, held out",
            "derived",
            (metrics.pointer("n", "holdout"), convert.pointer("artificial")),
        ),
    }
    for column, key in columns.items():
        row[column] = details.fact(column, "figures", "holdout", key, "synthetic", "value")
    return row


def _of_release(release: Release, columns: Columns, details: Document) -> Row:
    """The row of an earlier release."""
    record = release.record
    name = f"{record.value('measured', '2.1.version')} holdout"
    sources = (record.pointer("measured", "2.1.version"), record.pointer("report_version"))
    field = f"5.checklist.{slug(name)}"
    row: dict[str, Fact | str] = {
        "dataset name": Fact(
            "dataset name", f"{name} (release {release.version})", "derived", sources
        ),
        "dataset description": release.fact(
            "dataset description", f"{field}.dataset_description"
        ) or "not in the release",
    }  # fmt: skip
    for column, key in columns.items():
        row[column] = (
            release.fact(column, f"{field}.{slug(column)}") or "not in the release"
            if _same_protocol(release, key, details)
            else NOT_COMPARABLE
        )
    return row


def _same_protocol(release: Release, key: str, details: Document) -> bool:
    """Whether a release measured this metric as this run does: same key, same choices."""
    then = release.record.value("protocols").get(key)
    choices = leaves(details.value("metrics", key, "protocol"))
    now = protocol_digest([[".".join(keys), value] for keys, value in choices])
    return then is not None and then["sha256"] == now


def _historical(declared: Declarations) -> Row:
    return {
        "dataset name": declared.fact("historical/dataset_name", "dataset name"),
        "dataset description": "historical: declared for an earlier model, protocol unknown",
        "MS-SSIM": declared.fact("historical/ms_ssim", "MS-SSIM"),
        "perceptual loss": declared.fact("historical/perceptual_loss", "perceptual loss"),
    }
