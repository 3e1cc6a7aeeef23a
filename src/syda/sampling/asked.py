"""Properties that a user asks for, held against what the generator knows."""

from collections.abc import Mapping, Sequence
from numbers import Real

import torch

from syda.errors import UsageError
from syda.model.conditions import Conditions, Value

Asked = str | float | Sequence[float]
"""A value, or a range from which each volume draws its own."""


def check(conditions: Conditions, asked: Mapping[str, Asked]) -> list[str]:
    """Hold what is asked for against what the training cases had.

    Args:
        conditions: what the generator knows.
        asked: a value or a range ``[low, high]``, by name.

    Returns:
        A warning for each number outside the range that the training cases span.

    Raises:
        UsageError: an unknown property or term, or a number that no scan can have.
    """
    ends = {name: _ends(value) for name, value in asked.items()}
    unknown = [name for name in asked if name not in conditions.names]
    if unknown:
        raise UsageError(f"{', '.join(unknown)}: not a property of this model: {told(conditions)}")
    for name, values in ends.items():
        for value in values:
            _check_one(conditions, name, value)
    outside = {
        number.name: number
        for end in (0, -1)
        for number in conditions.outside({name: values[end] for name, values in ends.items()})
    }
    return [
        f"{number.name}={asked[number.name]}: outside what the training cases span, "
        f"{number.low:.4g} to {number.high:.4g}: expect less"
        for number in outside.values()
    ]


def told(conditions: Conditions) -> str:
    """Name the properties with their ranges and terms, in a line."""
    numbers = [f"{n.name} ({n.low:.4g} to {n.high:.4g})" for n in conditions.numbers]
    terms = [f"{t.name} ({', '.join(t.shares)})" for t in conditions.terms]
    return "it knows " + (", ".join(numbers + terms) or "none")


def drawn(asked: Mapping[str, Asked], seed: int) -> dict[str, Value]:
    """Settle the ranges for the volume of a seed, evenly."""
    rng = torch.Generator().manual_seed(seed)
    settled: dict[str, Value] = {}
    for name, value in asked.items():
        share = torch.rand((), generator=rng).item()
        if isinstance(value, str | float | int):
            settled[name] = value
        else:
            settled[name] = value[0] + (value[1] - value[0]) * share
    return settled


def _ends(value: Asked) -> list[Value]:
    return [value] if isinstance(value, str | float | int) else [*value]


def _check_one(conditions: Conditions, name: str, value: Value) -> None:
    try:
        conditions.encode({name: value})
    except ValueError as error:
        raise UsageError(f"{error}; {told(conditions)}") from error
    if isinstance(value, Real):
        limit = 1.0 if name.endswith("_share") else float("inf")
        if not 0 <= value <= limit or (value == 0 and name.endswith("_mm")):
            span = "between 0 and 1" if limit == 1 else "above 0"
            raise UsageError(f"{name}={value}: no scan has that, must be {span}")
