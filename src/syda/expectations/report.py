"""The report of a validated set: JSON for the card, Markdown for a reviewer."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from syda.expectations import tables
from syda.expectations.results import Failure, Result, Severity, quantity
from syda.expectations.tables import SPACING

SHOWN = 20
"""Failing volumes of a rule that the Markdown page lists; JSON lists all."""

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
    "air_share": (f"share of voxels below {tables.AIR_HU} HU", "%"),
    "below_window_share": ("share of voxels below the model's window", "%"),
    "above_window_share": ("share of voxels above the model's window", "%"),
}
"""Label and unit of the columns that the report summarises."""

_LABELS = _MEASURED | {
    "not_finite": ("number of NaN or infinite voxels", ""),
    "splits_of_patient": ("number of splits with this patient", ""),
    "sha256": ("sha256 of voxels", ""),
    "attributes_missing": ("not known", ""),
}
_TEXT = ("fault", "description_fault")
"""Columns whose text says what is wrong."""


@dataclass(frozen=True)
class Part:
    """One folder of a set: its table and the results of its suite.

    Attributes:
        title: what the volumes are.
        folder: where they lie, relative to the repository root.
        rows: one for each volume.
        results: one for each rule.
    """

    title: str
    folder: str
    rows: Sequence[tables.Row]
    results: Sequence[Result]


def first_failure(parts: Sequence[Part]) -> str | None:
    """One line on the first critical rule that failed and its first case, or None."""
    return next(iter(_broken(parts, "critical")), None)


def warnings(parts: Sequence[Part]) -> list[str]:
    """One line for each failed rule of severity ``warning``, with its first case."""
    return _broken(parts, "warning")


def _broken(parts: Sequence[Part], severity: Severity) -> list[str]:
    return [
        _line(part, result)
        for part in parts
        for result in part.results
        if (result.severity, result.verdict) == (severity, "failed")
    ]


def _line(part: Part, result: Result) -> str:
    rule = f'breaks the rule "{result.sentence.rstrip(".")}"'
    if not result.failing:
        return f"{part.folder} {rule} (observed: {result.observed})"
    others = len(result.failing) - 1
    more = f", and so {'does' if others == 1 else 'do'} {others} more" if others else ""
    return f"{part.folder}: case {_case(result.failing[0])} {rule}{more}"


def document(name: str, parts: Sequence[Part]) -> dict[str, Any]:
    """The JSON report: every rule with the observed values and every failing case."""
    return {
        "set": name,
        "success": first_failure(parts) is None,
        "warnings": len(warnings(parts)),
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


def markdown(what: str, parts: Sequence[Part], shown: int | None = SHOWN) -> str:
    """The Markdown report: the verdict, the rules as sentences, the failing cases.

    Args:
        what: the set, in words; the title is "Validation of the" and this.
        parts: of the set.
        shown: most failing volumes listed for a rule, None for all.
    """
    lines = [f"# Validation of the {_text(what)}", "", _verdict(parts), ""]
    for part in parts:
        lines += [f"## {part.title}", "", f"`{part.folder}`: {len(part.rows)} looked at.", ""]
        lines += ["| rule | severity | observed | verdict |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {_text(r.sentence)} | {r.severity} | {_text(r.observed)} | {r.verdict} |"
            for r in part.results
        ]
        lines += ["", *_failing(part, shown), *_measured(part)]
    return "\n".join(lines).rstrip() + "\n"


def _verdict(parts: Sequence[Part]) -> str:
    failures, less = _broken(parts, "critical"), warnings(parts)
    unchecked = sum(r.verdict == "not checked" for part in parts for r in part.results)
    lines = []
    if failures:
        lines += [f"**Failed.** Critical rules that do not hold: {len(failures)}.", ""]
        lines += [*(f"- {_text(line)}" for line in failures), ""]
    elif less:
        lines += ["**Passed, with warnings.** Every critical rule that was checked holds.", ""]
    else:
        lines += ["**Passed.** Every rule that was checked holds.", ""]
    if less:
        lines += [f"Warnings, which stop nothing: {len(less)}.", ""]
        lines += [*(f"- {_text(line)}" for line in less), ""]
    if unchecked:
        lines += [f"Not checked, for the reason in the column observed: {unchecked}.", ""]
    return "\n".join(lines[:-1])


def _failing(part: Part, shown: int | None) -> list[str]:
    lines = []
    for result in part.results:
        if result.failing:
            lines += [f"### Breaks the rule ({result.severity}): {_text(result.sentence)}", ""]
            listed = result.failing[:shown]
            lines += [f"- {_text(_case(failure))}" for failure in listed]
            more = len(result.failing) - len(listed)
            lines += [f"- and {more} more (see the JSON report)", ""] if more else [""]
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
            low, middle, high = (
                quantity(found[column][key], unit) for key in ("min", "median", "max")
            )
            lines.append(f"| {label} | {unit} | {low} | {middle} | {high} |")
    return [*lines, ""]


def _case(failure: Failure) -> str:
    if set(failure.found) == set(SPACING):
        sizes = (failure.found[column] for column in SPACING)
        numbers = (quantity(size, "mm") if isinstance(size, float) else "?" for size in sizes)
        found = f"voxels measure {' x '.join(numbers)} mm"
    else:
        found = ", ".join(_found(*pair) for pair in failure.found.items())
    return f"{failure.case} ({found})" if found else failure.case


def _found(column: str, value: float | str | None) -> str:
    if column in _TEXT:
        return str(value)
    label, unit = _LABELS.get(column, (column, ""))
    if value is None:
        return f"{label} is not measured"
    return (
        f"{label} is {value if isinstance(value, str) else quantity(value, unit)} {unit}".rstrip()
    )


def _text(value: str) -> str:
    """Escape Markdown, and join lines."""
    for mark in "\\`*_|<>":
        value = value.replace(mark, f"\\{mark}")
    return " ".join(value.split())
