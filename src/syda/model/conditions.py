"""Image properties as the vector that conditions both networks.

A numeric property takes two columns: its standardised value, and 1. A categorical property takes
one column a category (one-hot). All columns of an unknown property are zero.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, pstdev
from typing import Any, Self

import torch
from torch import Tensor

Value = str | float | bool | None
"""A property's value; None is unknown."""

QUANTILES = (0.05, 0.95)
"""Quantiles of the training cases that bound the range; the extremes would identify a case."""

SHRINKAGE = 0.001
"""Of the correlations towards zero, so that their matrix is positive definite.

No more: body width and voxel size of scans are correlated so strongly (.995 in v0) that a shrinkage
of 0.1 scatters their ratio, the width in voxels, by 1.16 in the place of .45.
"""


@dataclass(frozen=True)
class NumericCondition:
    """Statistics of a numeric property over the training cases.

    Attributes:
        name: such as ``body_width_mm``.
        mean: over the cases that have the property.
        deviation: standard deviation, or 1 if all values are equal.
        low: lower end of the training range, a quantile.
        high: upper end of the training range, a quantile.
        observed_fraction: fraction of the cases that have the property.
    """

    name: str
    mean: float
    deviation: float
    low: float
    high: float
    observed_fraction: float


@dataclass(frozen=True)
class CategoricalCondition:
    """Statistics of a categorical property over the training cases.

    Attributes:
        name: such as ``sex``.
        shares: fraction of each category among the cases that have the property, alphabetical.
        observed_fraction: fraction of the cases that have the property.
    """

    name: str
    shares: dict[str, float]
    observed_fraction: float


@dataclass(frozen=True)
class ConditionSchema:
    """The properties that condition a model, and their training statistics.

    Attributes:
        numbers: the numeric properties; they come first in the vector.
        terms: the categorical properties.
        correlation: correlation matrix of the numeric properties, shrunk by :data:`SHRINKAGE`.

    >>> cases = [{"width_mm": 300.0, "sex": "F"}, {"width_mm": 400.0, "sex": "M"}]
    >>> schema = ConditionSchema.fit(cases, ["width_mm", "sex"])
    >>> schema.encode({"width_mm": 400.0, "sex": "F"})  # value, known, F, M
    tensor([1., 1., 1., 0.])
    >>> schema.encode({"sex": "M"})
    tensor([0., 0., 0., 1.])
    """

    numbers: tuple[NumericCondition, ...]
    terms: tuple[CategoricalCondition, ...]
    correlation: tuple[tuple[float, ...], ...]

    @classmethod
    def fit(cls, cases: Sequence[Mapping[str, Value]], names: Sequence[str]) -> Self:
        """Take the statistics of the training cases.

        Args:
            cases: the properties of each case, by name.
            names: properties to condition on, numeric and categorical in any order.

        Raises:
            ValueError: no case has a property, or its values are of mixed type.
        """
        numbers, terms = [], []
        for name in names:
            values = [value for case in cases if (value := case.get(name)) is not None]
            if not values:
                raise ValueError(f"{name}: no training case has it")
            if len({isinstance(value, str | bool) for value in values}) > 1:
                raise ValueError(f"{name}: values of mixed type")
            observed = len(values) / len(cases)
            if isinstance(values[0], str | bool):
                terms.append(_categorical(name, list(map(str, values)), observed))
            else:
                numbers.append(_numeric(name, list(map(float, values)), observed))
        return cls(tuple(numbers), tuple(terms), _correlation(cases, numbers))

    @property
    def names(self) -> list[str]:
        """Names of all properties, in the order of the vector."""
        return [number.name for number in self.numbers] + [term.name for term in self.terms]

    @property
    def _widths(self) -> list[int]:
        return [2] * len(self.numbers) + [len(term.shares) for term in self.terms]

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(self._widths)

    def encode(self, properties: Mapping[str, Value]) -> Tensor:
        """Return the vector ``[size]``, float32; a property that is None or missing is unknown.

        Raises:
            ValueError: a number is not finite, or a category is not in the training cases.
        """
        columns: list[float] = []
        for number in self.numbers:
            value = properties.get(number.name)
            if value is None:
                columns += [0.0, 0.0]
            elif isinstance(value, str | bool) or not math.isfinite(value):
                raise ValueError(f"{number.name}={value}: must be a number")
            else:
                columns += [(value - number.mean) / number.deviation, 1.0]
        for term in self.terms:
            value = properties.get(term.name)
            if value is not None and str(value) not in term.shares:
                raise ValueError(f"{term.name}={value}: must be one of {', '.join(term.shares)}")
            columns += [float(str(value) == category) for category in term.shares]
        return torch.tensor(columns)

    def expand_mask(self, mask: Tensor) -> Tensor:
        """Expand ``[N, properties]`` to the columns of each property: ``[N, size]``."""
        return mask.repeat_interleave(torch.tensor(self._widths, dtype=torch.int64), dim=1)

    def numeric_mask(self) -> Tensor:
        """Return ``[size]``, 1 in the columns of standardised values."""
        mask = torch.zeros(self.size)
        mask[: 2 * len(self.numbers) : 2] = 1
        return mask

    def out_of_range(self, properties: Mapping[str, Value]) -> list[NumericCondition]:
        """Return the numeric properties whose value lies outside the training range."""
        return [
            number
            for number in self.numbers
            if isinstance(value := properties.get(number.name), int | float)
            and not number.low <= value <= number.high
        ]

    def sample(self, rng: torch.Generator, fixed: Mapping[str, Value]) -> dict[str, Value]:
        """Sample properties from the training distribution.

        Numeric properties are jointly normal, conditional on the fixed ones, and clamped to the
        training range. Categorical properties are independent.

        Args:
            rng: on the CPU; the number of random values does not depend on ``fixed``.
            fixed: properties that are given; they are returned unchanged.
        """
        sampled: dict[str, Value] = {}
        normal = torch.randn(len(self.numbers), generator=rng, dtype=torch.float64)
        given = {
            i: (float(value) - number.mean) / number.deviation
            for i, number in enumerate(self.numbers)
            if (value := fixed.get(number.name)) is not None
        }
        for number, z in zip(self.numbers, self._sample_conditional(given, normal), strict=True):
            value = number.mean + number.deviation * z
            sampled[number.name] = min(max(value, number.low), number.high)
        for term in self.terms:
            shares = torch.tensor(list(term.shares.values()), dtype=torch.float64)
            choice = int(torch.multinomial(shares, 1, generator=rng))
            sampled[term.name] = list(term.shares)[choice]
        return {**sampled, **fixed}

    def _sample_conditional(self, given: Mapping[int, float], normal: Tensor) -> list[float]:
        """Turn independent normal values into correlated ones, conditional on the given ones."""
        values = torch.zeros_like(normal)
        fixed = list(given)
        free = [i for i in range(len(normal)) if i not in given]
        values[fixed] = torch.tensor(list(given.values()), dtype=values.dtype)
        if free:
            r = torch.tensor(self.correlation, dtype=values.dtype)
            slope = torch.linalg.solve(r[fixed][:, fixed], r[fixed][:, free]).T
            factor = torch.linalg.cholesky(r[free][:, free] - slope @ r[fixed][:, free])
            values[free] = slope @ values[fixed] + factor @ normal[free]
        sampled: list[float] = values.tolist()
        return sampled

    def to_json(self) -> dict[str, Any]:
        """Return the document that :meth:`from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_json`.

        Raises:
            KeyError: a part is missing.
            TypeError: a part has other members.
        """
        return cls(
            tuple(NumericCondition(**number) for number in document["numbers"]),
            tuple(CategoricalCondition(**term) for term in document["terms"]),
            tuple(tuple(row) for row in document["correlation"]),
        )


def _categorical(name: str, values: list[str], observed: float) -> CategoricalCondition:
    shares = {value: values.count(value) / len(values) for value in sorted(set(values))}
    return CategoricalCondition(name, shares, observed)


def _numeric(name: str, values: list[float], observed: float) -> NumericCondition:
    quantiles = torch.tensor(QUANTILES, dtype=torch.float64)
    low, high = torch.tensor(values, dtype=torch.float64).quantile(quantiles)
    deviation = pstdev(values) or 1.0
    return NumericCondition(name, fmean(values), deviation, low.item(), high.item(), observed)


def _correlation(
    cases: Sequence[Mapping[str, Value]], numbers: Sequence[NumericCondition]
) -> tuple[tuple[float, ...], ...]:
    """Correlate over the cases that have all numbers; identity for fewer than three cases."""
    rows = [
        [(case[n.name] - n.mean) / n.deviation for n in numbers]  # type: ignore[operator]
        for case in cases
        if all(case.get(n.name) is not None for n in numbers)
    ]
    identity = torch.eye(len(numbers), dtype=torch.float64)
    if len(rows) < 3 or not numbers:
        return tuple(map(tuple, identity.tolist()))
    found = torch.corrcoef(torch.tensor(rows, dtype=torch.float64).T).reshape(identity.shape)
    found = found.nan_to_num(0.0) * (1 - SHRINKAGE)  # NaN: a number that never varies
    return tuple(map(tuple, found.fill_diagonal_(1.0).tolist()))
