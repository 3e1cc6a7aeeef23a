"""What was found of a rule, in words."""

from collections import Counter

import numpy as np
import pandas as pd

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
    Within,
)


def observed(check: Check, judged: pd.DataFrame) -> str:
    """Say what the rows hold of what a check asks for.

    Args:
        check: of the rule.
        judged: rows that it looks at: readable volumes, for ``Readable`` every file.
    """
    if isinstance(check, Impossible):
        return check.why
    if judged.empty and not isinstance(check, Readable | AtLeast):
        return "no volume to judge"
    volumes = _count(len(judged), "volume")
    match check:
        case Readable():
            text = f"{_count(len(judged), 'file')}, {judged['fault'].notna().sum()} with a fault"
        case AtLeast(_, split):
            text = _count(len(judged[judged["split"] == split] if split else judged), "volume")
        case Within(columns, _, _, unit):
            text = f"{_span(judged[list(columns)], unit)} in {volumes}"
        case Isotropic():
            text = f"{_span(judged[list(SPACING)], 'mm')} in {volumes}"
        case Equals(column, _):
            counts = Counter(judged[column].fillna("no value"))
            text = ", ".join(f"{counts[value]} x {value}" for value in sorted(counts))
        case Different(column):
            text = f"{judged[column].nunique()} different among {volumes}"
        case Blank(column):
            text = f"{judged[column].isna().sum()} of {volumes}"
    return text


def _span(columns: pd.DataFrame, unit: str) -> str:
    values = columns.to_numpy(dtype="float64")
    values = values[~np.isnan(values)]
    if values.size == 0:
        return "nothing measured"
    low, high = (quantity(float(v), unit) for v in (values.min(), values.max()))
    return f"{low if low == high else f'{low} to {high}'} {unit}"


def quantity(value: float, unit: str) -> str:
    """A number as it is printed before its unit: six digits, a share of 1 as per cent."""
    return f"{100 * value if unit == '%' else value:.6g}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
