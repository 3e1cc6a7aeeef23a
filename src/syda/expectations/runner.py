"""Rules decided by Great Expectations; the only module that imports it.

Great Expectations lets NaN and empty tables pass a range, so every check on a column also asks that
the column is filled, and every suite has a floor on the number of rows. The context is ephemeral:
nothing of it is written, its files hold times and random ids. Rows with a fault are left to the
rule that asks for readable files; the others judge what was read.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from syda.expectations import tables
from syda.expectations.observed import observed
from syda.expectations.rules import (
    SPACING,
    AtLeast,
    Blank,
    Check,
    Different,
    Equals,
    Impossible,
    Isotropic,
    Readable,
    Rule,
    Severity,
    Within,
)

with warnings.catch_warnings():  # its parser still imports sre_constants
    warnings.simplefilter("ignore", DeprecationWarning)
    import great_expectations as gx
    from great_expectations import expectations as gxe
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.expectations.expectation import MulticolumnMapExpectation
    from great_expectations.expectations.metrics.map_metric_provider import (
        MulticolumnMapMetricProvider,
        multicolumn_condition_partial,
    )
    from great_expectations.expectations.row_conditions import Column

Verdict = Literal["passed", "failed", "not checked"]


@dataclass(frozen=True)
class Failure:
    """A volume that breaks a rule.

    Attributes:
        case: its id.
        found: column and value that break it; None where nothing could be measured.
    """

    case: str
    found: dict[str, float | str | None]


@dataclass(frozen=True)
class Result:
    """What became of one rule.

    Attributes:
        rule: its name.
        sentence: what it asks for.
        severity: ``critical`` or ``warning``.
        verdict: ``not checked`` where no volume could be judged.
        observed: what was found, in words; of an impossible check, why it is.
        failing: the volumes that break a rule that does not hold, by case.
    """

    rule: str
    sentence: str
    severity: Severity
    verdict: Verdict
    observed: str
    failing: tuple[Failure, ...]


class IsotropicSpacing(MulticolumnMapMetricProvider):  # type: ignore[misc]
    """Which rows have one voxel size along each axis; a size that is missing is none."""

    condition_metric_name = "multicolumn_values.isotropic_spacing"
    condition_domain_keys = ("batch_id", "table", "column_list", "row_condition", "ignore_row_if")
    condition_value_keys = ("spacing_mm", "tolerance_mm")

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls,  # noqa: N805  (the decorator makes it a class method)
        column_list: pd.DataFrame,
        spacing_mm: float | None,
        tolerance_mm: float,
        **_: Any,
    ) -> "pd.Series[bool]":
        wanted = column_list.min(axis=1) if spacing_mm is None else spacing_mm
        return (column_list.sub(wanted, axis=0).abs() <= tolerance_mm).all(axis=1)


class ExpectIsotropicSpacing(MulticolumnMapExpectation):  # type: ignore[misc]
    """Expect one voxel size along the axes of each volume: a given one, or any.

    Attributes:
        spacing_mm: the given one, mm; None for any.
        tolerance_mm: allowed deviation from it, or from the volume's smallest, mm.
    """

    spacing_mm: float | None
    tolerance_mm: float
    ignore_row_if: Literal["never"] = "never"

    map_metric = IsotropicSpacing.condition_metric_name
    success_keys = ("spacing_mm", "tolerance_mm", "mostly")


def validate(rows: Sequence[tables.Row], suite: Sequence[Rule]) -> list[Result]:
    """Decide every rule of a suite over the rows.

    Returns:
        A result a rule, in the order of the suite; equal for equal rows.

    Raises:
        RuntimeError: Great Expectations failed inside a check, which says nothing of the data.
    """
    table = tables.frame(rows)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("volumes")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": table})
    return [_decide(batch, table, rule) for rule in suite]


def _decide(batch: Any, table: pd.DataFrame, rule: Rule) -> Result:
    found: dict[str, dict[str, float | str | None]] = {}
    success = True
    for expectation in _expectations(rule.check):
        outcome = batch.validate(
            expectation,
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["case"]},
        )
        _refuse_exception(rule.name, outcome.exception_info)
        success = success and outcome.success
        for line in outcome.result.get("unexpected_index_list", ()):
            values = {key: _plain(value) for key, value in line.items() if key != "case"}
            found.setdefault(line["case"], {}).update(values)
    judged = table if isinstance(rule.check, Readable) else table[table["fault"].isna()]
    empty = judged.empty and not isinstance(rule.check, AtLeast)
    undecided = empty or isinstance(rule.check, Impossible)
    return Result(
        rule.name,
        rule.sentence,
        rule.severity,
        "not checked" if undecided else "passed" if success else "failed",
        observed(rule.check, judged),
        () if success else tuple(Failure(case, found[case]) for case in sorted(found)),
    )


def _refuse_exception(rule: str, info: dict[str, Any]) -> None:
    # one report for the expectation, or one for each of its metrics
    for report in (info, *info.values()):
        if isinstance(report, dict) and report.get("raised_exception"):
            message = report["exception_message"]
            raise RuntimeError(f"{rule}: Great Expectations could not decide: {message}")


def _expectations(check: Check) -> list[Any]:
    read = Column("fault").is_null()
    match check:
        case Impossible():
            wanted = []
        case Readable():
            wanted = [gxe.ExpectColumnValuesToBeNull(column="fault")]
        case AtLeast(count, split):
            where = read & (Column("split") == split) if split else read
            wanted = [gxe.ExpectTableRowCountToBeBetween(min_value=count, row_condition=where)]
        case Within(columns, low, high):
            wanted = [
                expectation
                for column in columns
                for expectation in (
                    gxe.ExpectColumnValuesToNotBeNull(column=column, row_condition=read),
                    gxe.ExpectColumnValuesToBeBetween(
                        column=column, min_value=low, max_value=high, row_condition=read
                    ),
                )
            ]
        case Isotropic(spacing_mm, tolerance_mm):
            wanted = [
                ExpectIsotropicSpacing(
                    column_list=list(SPACING),
                    spacing_mm=spacing_mm,
                    tolerance_mm=tolerance_mm,
                    row_condition=read,
                )
            ]
        case Equals(column, value):
            wanted = [
                gxe.ExpectColumnValuesToNotBeNull(column=column, row_condition=read),
                gxe.ExpectColumnValuesToBeInSet(
                    column=column, value_set=[value], row_condition=read
                ),
            ]
        case Different(column):
            wanted = [
                gxe.ExpectColumnValuesToNotBeNull(column=column, row_condition=read),
                gxe.ExpectColumnValuesToBeUnique(column=column, row_condition=read),
            ]
        case Blank(column, share):
            wanted = [
                gxe.ExpectColumnValuesToBeNull(column=column, mostly=share, row_condition=read)
            ]
    return wanted


def _plain(value: Any) -> float | str | None:
    if value is None or isinstance(value, str):
        return value
    return None if pd.isna(value) else float(value)
