"""Properties that a user requests, checked against those of the generator."""

from collections.abc import Mapping, Sequence
from numbers import Real

import torch

from syda.errors import UsageError
from syda.model.conditions import ConditionSchema, Value
from syda.properties import schema

PropertyRequest = str | float | Sequence[float]
"""A value, or a range ``[low, high]`` from which a value is sampled for each volume."""


def check(conditions: ConditionSchema, requests: Mapping[str, PropertyRequest]) -> list[str]:
    """Check requested properties against the training cases.

    Args:
        conditions: the generator's properties.
        requests: a value or a range ``[low, high]``, by name.

    Returns:
        A warning for each number outside the range of the training cases.

    Raises:
        UsageError: an unknown property or category, or a number that no scan can have.

    >>> schema = ConditionSchema.fit([{"noise_hu": 9.0}, {"noise_hu": 12.0}], ["noise_hu"])
    >>> check(schema, {"noise_hu": [10, 11]})
    []
    >>> check(schema, {"noise_hu": 40})[0]
    'noise_hu=40: outside the range of the training cases, 9.15 to 11.85: results are less reliable'
    """
    ends = {name: _ends(value) for name, value in requests.items()}
    unknown = [name for name in requests if name not in conditions.names]
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)}: not a property of this model: {describe(conditions)}"
        )
    for name, values in ends.items():
        for value in values:
            _check_one(conditions, name, value)
    outside = {
        number.name: number
        for end in (0, -1)
        for number in conditions.out_of_range({name: values[end] for name, values in ends.items()})
    }
    return [
        f"{number.name}={requests[number.name]}: outside the range of the training cases, "
        f"{number.low:.4g} to {number.high:.4g}: results are less reliable"
        for number in outside.values()
    ]


def describe(conditions: ConditionSchema) -> str:
    """Name the properties with their ranges and terms, in a line."""
    numbers = [f"{n.name} ({n.low:.4g} to {n.high:.4g})" for n in conditions.numbers]
    terms = [f"{t.name} ({', '.join(t.shares)})" for t in conditions.terms]
    return "its properties are " + (", ".join(numbers + terms) or "none")


def sample(requests: Mapping[str, PropertyRequest], seed: int) -> dict[str, Value]:
    """Sample a value from each requested range, uniformly, for the volume of a seed."""
    rng = torch.Generator().manual_seed(seed)
    sampled: dict[str, Value] = {}
    for name, value in requests.items():
        share = torch.rand((), generator=rng).item()
        if isinstance(value, str | float | int):
            sampled[name] = value
        else:
            sampled[name] = value[0] + (value[1] - value[0]) * share
    return sampled


def _ends(value: PropertyRequest) -> list[Value]:
    return [value] if isinstance(value, str | float | int) else [*value]


def _check_one(conditions: ConditionSchema, name: str, value: Value) -> None:
    try:
        conditions.encode({name: value})
    except ValueError as error:
        raise UsageError(f"{error}; {describe(conditions)}") from error
    if isinstance(value, Real) and not schema.is_possible(name, float(value)):
        span = "between 0 and 1" if name.endswith("_share") else "above 0"
        raise UsageError(f"{name}={value}: no scan has that, must be {span}")
