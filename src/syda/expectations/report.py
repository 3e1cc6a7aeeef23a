"""The report of a validated set: JSON for the card, Markdown for a reviewer."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from syda.expectations import tables
from syda.expectations.runner import Failure, Result

SHOWN = 20
"""Failing volumes that Markdown lists for a rule; JSON has them all."""

_MEASURED = {
    "spacing_i": ("voxel size along i", "mm"),
    "spacing_j": ("voxel size along j", "mm"),
    "spacing_k": ("voxel size along k", "mm"),
    "shape_i": ("size along i", "voxels"),
    "shape_j": ("size along j", "voxels"),
    "shape_k": ("size along k", "voxels"),
    "hu_min": ("lowest voxel", "HU"),
    "hu_p0_5": ("0.5th percentile of voxels", "HU"),
    "hu_p99_5": ("99.5th percentile of voxels", "HU"),
    "hu_max": ("highest voxel", "HU"),
    "std_hu": ("standard deviation of voxels", "HU"),
    "air_share": (f"voxels below {tables.AIR_HU} HU", "share of 1"),
    "below_window_share": ("voxels below the model's window", "share of 1"),
    "above_window_share": ("voxels above the model's window", "share of 1"),
}
"""Figures that the report sums up: label and unit."""

_LABELS = _MEASURED | {
    "not_finite": ("number of NaN or infinite voxels", ""),
    "splits_of_patient": ("number of splits with this patient", ""),
    "sha256": ("sha256 of voxels", ""),
}


@dataclass(frozen=True)
class Part:
    """One table of a set and what its suite made of it.

    Attributes:
        title: what the volumes are.
        folder: where they lie, relative to the repository root.
        rows: one a volume.
        results: one a rule.
    """

    title: str
    folder: str
    rows: Sequence[tables.Row]
    results: Sequence[Result]


def first_failure(parts: Sequence[Part]) -> str | None:
    """Say in one line which rule failed first and for which case; None if all passed."""
    for part in parts:
        for result in part.results:
            if result.verdict == "failed":
                rule = f'breaks the rule "{result.sentence.rstrip(".")}"'
                if result.failing:
                    return f"{part.folder}: case {_case(result.failing[0])} {rule}"
                return f"{part.folder} {rule} (observed: {result.observed})"
    return None


def document(name: str, parts: Sequence[Part]) -> dict[str, Any]:
    """Return the JSON report: every rule with what was observed and every failing case."""
    return {
        "set": name,
        "success": first_failure(parts) is None,
        "parts": [
            {
                "title": part.title,
                "folder": part.folder,
                "volumes": len(part.rows),
                "rules": [asdict(result) for result in part.results],
                "summary": summary(part.rows),
            }
            for part in parts
        ],
    }


def summary(rows: Sequence[tables.Row]) -> dict[str, dict[str, float]]:
    """Minimum, median and maximum of each measured column over the readable volumes."""
    table = tables.frame(rows)
    read = table[table["fault"].isna()]
    return {
        column: {
            "min": float(read[column].min()),
            "median": float(read[column].median()),
            "max": float(read[column].max()),
        }
        for column in _MEASURED
        if read[column].notna().any()
    }


def markdown(name: str, parts: Sequence[Part]) -> str:
    """Return the report as a page: the verdict, the rules as sentences, the failing cases."""
    failure = first_failure(parts)
    verdict = (
        "**Passed.** Every rule holds." if failure is None else f"**Failed.** {_text(failure)}."
    )
    lines = [f"# Validation of the {name} set", "", verdict, ""]
    for part in parts:
        lines += [f"## {part.title}", "", f"`{part.folder}`: {len(part.rows)} looked at.", ""]
        lines += ["| rule | observed | verdict |", "| --- | --- | --- |"]
        lines += [
            f"| {_text(r.sentence)} | {_text(r.observed)} | {r.verdict} |" for r in part.results
        ]
        lines += ["", *_failing(part), *_measured(part)]
    return "\n".join(lines).rstrip() + "\n"


def _failing(part: Part) -> list[str]:
    lines = []
    for result in part.results:
        if result.failing:
            lines += [f"### Breaks the rule: {_text(result.sentence)}", ""]
            lines += [f"- {_text(_case(failure))}" for failure in result.failing[:SHOWN]]
            more = len(result.failing) - SHOWN
            lines += [f"- and {more} more (see the JSON report)", ""] if more > 0 else [""]
    return lines


def _measured(part: Part) -> list[str]:
    found = summary(part.rows)
    if not found:
        return []
    lines = [
        "### Measured",
        "",
        "| per volume | unit | lowest | median | highest |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for column, (label, unit) in _MEASURED.items():
        if column in found:
            low, middle, high = (f"{found[column][key]:.6g}" for key in ("min", "median", "max"))
            lines.append(f"| {label} | {unit} | {low} | {middle} | {high} |")
    return [*lines, ""]


def _case(failure: Failure) -> str:
    return f"{failure.case} ({', '.join(_found(*pair) for pair in failure.found.items())})"


def _found(column: str, value: float | str | None) -> str:
    if column == "fault":
        return str(value)
    label, unit = _LABELS.get(column, (column, ""))
    if value is None:
        return f"{label} is not measured"
    return f"{label} is {value if isinstance(value, str) else f'{value:.6g}'} {unit}".rstrip()


def _text(value: str) -> str:
    """Text that stays text inside a Markdown table."""
    for mark in "\\`*_|<>":
        value = value.replace(mark, f"\\{mark}")
    return " ".join(value.split())
