"""The result of each rule: its verdict, the observed values and the volumes that break it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd

from syda.expectations.tables import SPACING

Severity = Literal["critical", "warning"]
"""A failed ``critical`` rule stops the pipeline, a failed ``warning`` is reported."""

Verdict = Literal["passed", "failed", "not checked"]

Found = dict[str, float | str | None]
"""Values that break a rule, by column; None where nothing could be measured."""


@dataclass(frozen=True)
class Failure:
    """A volume that breaks a rule.

    Attributes:
        case: its id.
        found: columns and values that break it.
    """

    case: str
    found: Found


@dataclass(frozen=True)
class Result:
    """Result of one rule.

    Attributes:
        rule: its name.
        sentence: what it expects.
        severity: ``critical`` or ``warning``.
        verdict: ``not checked`` where no volume could be checked.
        observed: the values in the table, in words, or why the rule was not checked.
        failing: of a failed rule the volumes that break it, by case.
    """

    rule: str
    sentence: str
    severity: Severity
    verdict: Verdict
    observed: str
    failing: tuple[Failure, ...]


def by_rule(
    expectations: Sequence[Any], outcomes: Sequence[Any], table: pd.DataFrame
) -> list[Result]:
    """Join the outcomes of the expectations of each rule.

    Args:
        expectations: of the suite. One whose ``meta`` has ``not_checked`` has no outcome.
        outcomes: validation results of Great Expectations in the format ``COMPLETE``.
        table: that was validated.

    Raises:
        RuntimeError: Great Expectations raised an exception inside an expectation.
    """
    of_rule: dict[str, list[Any]] = {one.meta["rule"]: [] for one in expectations}
    for outcome in outcomes:
        rule = outcome.expectation_config.meta["rule"]
        _refuse_exception(rule, outcome.exception_info)
        of_rule[rule].append(outcome)
    first = {one.meta["rule"]: one for one in reversed(expectations)}
    return [_joined(first[rule], found, table) for rule, found in of_rule.items()]


def _refuse_exception(rule: str, info: dict[str, Any]) -> None:
    # one report for the expectation, or one for each of its metrics
    for report in (info, *info.values()):
        if isinstance(report, dict) and report.get("raised_exception"):
            message = report["exception_message"]
            raise RuntimeError(f"{rule}: Great Expectations could not decide: {message}")


def _joined(first: Any, outcomes: Sequence[Any], table: pd.DataFrame) -> Result:
    result = partial(Result, first.meta["rule"], first.description, first.severity.value)
    if not outcomes:
        return result("not checked", first.meta["not_checked"], ())
    columns = [outcome.expectation_config.kwargs.get("column") for outcome in outcomes]
    judged = table if columns == ["fault"] else table[table["fault"].isna()]
    last = outcomes[-1]
    if last.expectation_config.type == "expect_table_row_count_to_be_between":
        text = _count(last.result["observed_value"], "volume")
    elif judged.empty:
        return result("not checked", "no volume to judge", ())
    else:
        unit = first.meta.get("unit", "")
        text = _observed(last.expectation_config.type, columns, unit, judged)
    if all(outcome.success for outcome in outcomes):
        return result("passed", text, ())
    failing: dict[str, Found] = {}
    for column, outcome in zip(columns, outcomes, strict=True):
        for row in outcome.result.get("unexpected_index_list") or ():
            values = {name: _plain(table.at[row, name]) for name in _shown(column)}
            failing.setdefault(str(table.at[row, "case"]), {}).update(values)
    return result("failed", text, tuple(Failure(case, failing[case]) for case in sorted(failing)))


def _observed(kind: str, columns: Sequence[str], unit: str, judged: pd.DataFrame) -> str:
    """Say which values a rule's columns hold in the rows that it is about."""
    column, volumes = columns[-1], _count(len(judged), "volume")
    if kind == "expect_column_values_to_be_between":
        shown = [name for one in dict.fromkeys(columns) for name in _shown(one)]
        return f"{_span(judged[shown], unit)} in {volumes}"
    if kind == "expect_column_values_to_be_in_set":
        counts = Counter(judged[column].fillna("no value"))
        return ", ".join(f"{counts[value]} x {value}" for value in sorted(counts))
    if kind == "expect_column_values_to_be_unique":
        return f"{judged[column].nunique()} different among {volumes}"
    if column == "fault":
        return f"{_count(len(judged), 'file')}, {judged[column].notna().sum()} with a fault"
    return f"{judged[column].isna().sum()} of {volumes}"


def _shown(column: str) -> tuple[str, ...]:
    """Columns that the report shows for one: the voxel sizes of a case belong together."""
    if column == "case":
        return ()
    return SPACING if column.startswith("spacing_") else (column,)


def _span(columns: pd.DataFrame, unit: str) -> str:
    values = columns.to_numpy(dtype="float64")
    values = values[~np.isnan(values)]
    if values.size == 0:
        return "nothing measured"
    low, high = (quantity(float(v), unit) for v in (values.min(), values.max()))
    return f"{low if low == high else f'{low} to {high}'} {unit}"


def quantity(value: float, unit: str) -> str:
    """A number to print before its unit: six digits, a share as per cent.

    >>> quantity(0.25, "%")
    '25'
    """
    return f"{100 * value if unit == '%' else value:.6g}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _plain(value: Any) -> float | str | None:
    if value is None or isinstance(value, str):
        return value
    return None if pd.isna(value) else float(value)
