"""Section 5's first table: the checklist's four columns, then goal, baseline and interval.

A row a data version and split: of this run, of each earlier release, and of the original. The rows
of a release are those of its own card, as it was released. A figure that was measured with another
protocol stands in no column of this run's.
"""

from collections.abc import Mapping, Sequence

from syda.card.declared import Declarations
from syda.card.schema import Fact, Row
from syda.card.sources import Document, Inputs, Release

SPLITS = {"holdout": "held out", "train": "trained on"}
"""Splits with what became of their patients, in the order of the tables."""

NOT_COMPARABLE = "another protocol: not comparable"

_ELSEWHERE = "held to on held-out scans alone"

Columns = Mapping[str, str]
"""The checklist's name of a metric to its key."""

Judged = Mapping[str, Mapping[str, Fact | str]]
"""Key of a metric to its goal and verdict."""


def rows(inputs: Inputs, columns: Columns, judged: Judged) -> list[Row]:
    """Return the table.

    Args:
        inputs: of the card.
        columns: metrics of the table.
        judged: what became of their goals on the holdout.
    """
    own = [_row(inputs.reports, split, columns, judged) for split in SPLITS]
    earlier = [
        _released(release, place, own[0], columns, inputs.reports["details"])
        for release in reversed(inputs.earlier)
        for place in range(len(SPLITS))
    ]
    return [*own, *earlier, _historical(inputs.declared, list(own[0]))]


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


def _released(release: Release, place: int, like: Row, columns: Columns, details: Document) -> Row:
    """A row of an earlier release's own card, with the columns of a row of this one."""
    at = ("sections", "5", "tables", "checklist", place)
    found = release.card.value(*at)
    name = f"{found['dataset name']['value']} (release {release.version})"
    sources = (
        release.card.pointer(*at, "dataset name", "value"),
        release.record.pointer("report_version"),
    )
    row: dict[str, Fact | str] = {"dataset name": Fact("dataset name", name, "derived", sources)}
    for column in like:
        if column == "dataset name":
            continue
        metric = column.split(",")[0]
        cell = found.get(column, "not told")
        if metric in columns and not _same_protocol(release, columns[metric], details):
            row[column] = NOT_COMPARABLE
        elif isinstance(cell, str):
            row[column] = cell
        else:
            row[column] = release.card.fact(column, *at, column, "value")
    return row


def _same_protocol(release: Release, key: str, details: Document) -> bool:
    """Whether a release measured this metric as this run does: same key, same choices."""
    then = release.details.value("metrics").get(key)
    return then is not None and then["protocol"] == details.value("metrics", key, "protocol")


def _historical(declared: Declarations, columns: Sequence[str]) -> Row:
    row: dict[str, Fact | str] = dict.fromkeys(columns, "unknown, historical")
    return row | {
        "dataset name": declared.fact("historical/dataset_name", "dataset name"),
        "dataset description": "historical: declared for an earlier model, protocol unknown",
        "MS-SSIM": declared.fact("historical/ms_ssim", "MS-SSIM"),
        "perceptual loss": declared.fact("historical/perceptual_loss", "perceptual loss"),
    }
