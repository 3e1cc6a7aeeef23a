"""Rules decided by Great Expectations; the only module that imports it.

Great Expectations lets NaN and empty tables pass a range, so every check on a column also asks that
the column is filled, and every suite has a floor on the number of rows. The context is ephemeral:
nothing of it is written, its files hold times and random ids. Rows with a fault are left to the
rule that asks for readable files; the others judge what was read.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from syda.expectations import tables
from syda.expectations.suites import (
    AtLeast,
    Check,
    Different,
    Equals,
    Readable,
    Rule,
    Within,
)

with warnings.catch_warnings():  # its parser still imports sre_constants
    warnings.simplefilter("ignore", DeprecationWarning)
    import great_expectations as gx
    from great_expectations import expectations as gxe
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
        verdict: ``not checked`` where no volume could be judged.
        observed: what was found, in words.
        failing: the volumes that break it, by case.
    """

    rule: str
    sentence: str
    verdict: Verdict
    observed: str
    failing: tuple[Failure, ...]


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
    return Result(
        rule.name,
        rule.sentence,
        "not checked" if empty else "passed" if success else "failed",
        _observed(rule.check, judged),
        tuple(Failure(case, found[case]) for case in sorted(found)),
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
        case Readable():
            return [gxe.ExpectColumnValuesToBeNull(column="fault")]
        case AtLeast(count, split):
            where = read & (Column("split") == split) if split else read
            return [gxe.ExpectTableRowCountToBeBetween(min_value=count, row_condition=where)]
        case Within(columns, low, high):
            return [
                expectation
                for column in columns
                for expectation in (
                    gxe.ExpectColumnValuesToNotBeNull(column=column, row_condition=read),
                    gxe.ExpectColumnValuesToBeBetween(
                        column=column, min_value=low, max_value=high, row_condition=read
                    ),
                )
            ]
        case Equals(column, value):
            return [
                gxe.ExpectColumnValuesToNotBeNull(column=column, row_condition=read),
                gxe.ExpectColumnValuesToBeInSet(
                    column=column, value_set=[value], row_condition=read
                ),
            ]
        case Different(column):
            return [
                gxe.ExpectColumnValuesToNotBeNull(column=column, row_condition=read),
                gxe.ExpectColumnValuesToBeUnique(column=column, row_condition=read),
            ]


def _observed(check: Check, judged: pd.DataFrame) -> str:
    match check:
        case Readable():
            return f"{_count(len(judged), 'file')}, {judged['fault'].notna().sum()} with a fault"
        case AtLeast(_, split):
            return _count(len(judged[judged["split"] == split] if split else judged), "volume")
    if judged.empty:
        return "no volume to judge"
    volumes = _count(len(judged), "volume")
    match check:
        case Within(columns, _, _, unit):
            return f"{_span(judged[list(columns)], unit)} in {volumes}"
        case Equals(column, _):
            counts = Counter(judged[column].fillna("no value"))
            return ", ".join(f"{counts[value]} x {value}" for value in sorted(counts))
        case Different(column):
            return f"{judged[column].nunique()} different among {volumes}"


def _span(columns: pd.DataFrame, unit: str) -> str:
    values = columns.stack().dropna()
    if values.empty:
        return "nothing measured"
    low, high = f"{values.min():.6g}", f"{values.max():.6g}"
    return f"{low if low == high else f'{low} to {high}'} {unit}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _plain(value: Any) -> float | str | None:
    if value is None or isinstance(value, str):
        return value
    return None if pd.isna(value) else float(value)
