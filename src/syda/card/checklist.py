"""First table of section 5: the four columns of the checklist, then goal, baseline and interval.

There is a row for each split of this run, of each earlier release, and of the original. A figure
of a release that was measured with another protocol is not shown.
"""

from collections.abc import Mapping, Sequence

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

_ELSEWHERE = "held to on held-out scans alone"

Columns = Mapping[str, str]
"""The checklist's name of a metric to its key."""

Judged = Mapping[str, Mapping[str, Fact | str]]
"""Key of a metric to its goal and verdict."""


def rows(inputs: CardInputs, columns: Columns, judged: Judged) -> list[Row]:
    """Return the table.

    Args:
        inputs: of the card.
        columns: metrics of the table.
        judged: goals and verdicts on the holdout.
    """
    rows_here = [_row(inputs.reports, split, columns, judged) for split in SPLITS]
    earlier = [
        _of_release(release, split, row, columns, inputs.reports["details"])
        for release in reversed(inputs.earlier)
        for split, row in zip(SPLITS, rows_here, strict=True)
    ]
    return [*rows_here, *earlier, _historical(inputs.declared, list(rows_here[0]))]


def _row(reports: Mapping[str, Document], split: str, columns: Columns, judged: Judged) -> Row:
    metrics, details, convert = reports["metrics"], reports["details"], reports["convert"]
    version = convert.value("version")
    people = "artificial" if convert.value("artificial") else "real"
    cases = metrics.value("n", split)
    of_version = convert.pointer("version")
    row: dict[str, Fact | str] = {
        "dataset name": Fact("dataset name", f"{version} {split}", "derived", (of_version,)),
        "dataset description": Fact(
            "dataset description",
            f"{cases} scans of {people} patients, {SPLITS[split]}",
            "derived",
            (metrics.pointer("n", split), convert.pointer("artificial")),
        ),
    }
    for column, key in columns.items():
        row[column] = details.fact(column, "figures", split, key, "synthetic", "value")
    for column, key in columns.items():
        label = f"{column}, goal"
        row[label] = _goal(label, judged[key]) if split == "holdout" else _ELSEWHERE
    for column, key in columns.items():
        label = f"{column}, real baseline"
        row[label] = details.fact(label, "figures", split, key, "real", "value")
    for column, key in columns.items():
        label = f"{column}, 95 % interval of the difference"
        ends = [("figures", split, key, "difference", end) for end in ("low", "high")]
        sources = tuple(details.pointer(*end) for end in ends)
        row[label] = Fact(label, [details.value(*end) for end in ends], "derived", sources)
    return row | {"n": metrics.fact("n", "n", split)}


def _goal(label: str, judged: Mapping[str, Fact | str]) -> Fact | str:
    """Verdict and goal in one cell."""
    goal, verdict = judged["goal"], judged["verdict"]
    if isinstance(goal, str) or isinstance(verdict, str):
        return str(goal)
    return Fact(label, f"{verdict.value}: {goal.value}", "derived", verdict.sources)


def _of_release(release: Release, split: str, like: Row, columns: Columns, now: Document) -> Row:
    """The row of an earlier release for a split, with the columns of a row of this card."""
    record = release.record
    name = f"{record.value('measured', '2.1.version')} {split}"
    sources = (record.pointer("measured", "2.1.version"), record.pointer("report_version"))
    row: dict[str, Fact | str] = {}
    for column, cell in like.items():
        metric = column.split(",")[0]
        if column == "dataset name":
            shown = f"{name} (release {release.version})"
            row[column] = Fact(column, shown, "derived", sources)
        elif metric in columns and not _same_protocol(release, columns[metric], now):
            row[column] = NOT_COMPARABLE
        elif isinstance(cell, str):
            row[column] = cell
        else:
            field = f"5.checklist.{slug(name)}.{slug(column)}"
            row[column] = release.fact(column, field) or "not in the release"
    return row


def _same_protocol(release: Release, key: str, details: Document) -> bool:
    """Whether a release measured this metric as this run does: same key, same choices."""
    then = release.record.value("protocols").get(key)
    choices = leaves(details.value("metrics", key, "protocol"))
    now = protocol_digest([[".".join(keys), value] for keys, value in choices])
    return then is not None and then["sha256"] == now


def _historical(declared: Declarations, columns: Sequence[str]) -> Row:
    row: dict[str, Fact | str] = dict.fromkeys(columns, "unknown, historical")
    return row | {
        "dataset name": declared.fact("historical/dataset_name", "dataset name"),
        "dataset description": "historical: declared for an earlier model, protocol unknown",
        "MS-SSIM": declared.fact("historical/ms_ssim", "MS-SSIM"),
        "perceptual loss": declared.fact("historical/perceptual_loss", "perceptual loss"),
    }
