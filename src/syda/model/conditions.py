"""Image properties as a vector: what the generator is asked for and the discriminator is told.

A number is standardised by the training cases, a term takes a place of its own; each place is zero
where the property is unknown, so that a network learns to do without it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, pstdev
from typing import Any, Self

import torch
from torch import Tensor

Value = str | float | bool | None
"""Of a property; None where it is unknown."""

RANGE = (0.05, 0.95)
"""Quantiles of the training cases that bound what counts as seen; extremes would tell of one."""

SHRINKAGE = 0.1
"""Share by which correlations are drawn to zero: a few cases do not make a rule."""


@dataclass(frozen=True)
class Number:
    """A numeric property, as the training cases have it.

    Attributes:
        name: such as ``body_width_mm``.
        mean: of the cases that have it.
        deviation: standard deviation, 1 where all have the same value.
        low: lower end of the range seen.
        high: upper end of it.
        known: share of the cases that have it.
    """

    name: str
    mean: float
    deviation: float
    low: float
    high: float
    known: float


@dataclass(frozen=True)
class Term:
    """A property of a few values, as the training cases have it.

    Attributes:
        name: such as ``sex``.
        shares: of the cases that have it, by value, in alphabetical order.
        known: share of the cases that have it.
    """

    name: str
    shares: dict[str, float]
    known: float


@dataclass(frozen=True)
class Conditions:
    """The properties a model knows, in the order of its vector: first the numbers, then the terms.

    Attributes:
        numbers: their value and whether it is known take a place each.
        terms: each value takes a place.
        correlation: of the numbers, row by row, drawn to zero by :data:`SHRINKAGE`.
    """

    numbers: tuple[Number, ...]
    terms: tuple[Term, ...]
    correlation: tuple[tuple[float, ...], ...]

    @property
    def names(self) -> list[str]:
        """Of all properties."""
        return [number.name for number in self.numbers] + [term.name for term in self.terms]

    @property
    def size(self) -> int:
        """Length of the vector."""
        return 2 * len(self.numbers) + sum(len(term.shares) for term in self.terms)

    def encode(self, properties: Mapping[str, Value]) -> Tensor:
        """Return the vector ``[size]``, float32; a property that is None or not named is unknown.

        Raises:
            ValueError: a number that is no finite number, or a term that no training case has.
        """
        places: list[float] = []
        for number in self.numbers:
            value = properties.get(number.name)
            if value is None:
                places += [0.0, 0.0]
            elif isinstance(value, str | bool) or not math.isfinite(value):
                raise ValueError(f"{number.name}={value}: must be a number")
            else:
                places += [(value - number.mean) / number.deviation, 1.0]
        for term in self.terms:
            value = properties.get(term.name)
            if value is not None and str(value) not in term.shares:
                known = ", ".join(term.shares)
                raise ValueError(f"{term.name}={value}: the model knows {known}")
            places += [float(str(value) == known) for known in term.shares]
        return torch.tensor(places)

    def keep(self, kept: Tensor) -> Tensor:
        """Spread ``[N, properties]`` choices over the places: ``[N, size]``."""
        widths = [2] * len(self.numbers) + [len(term.shares) for term in self.terms]
        return kept.repeat_interleave(torch.tensor(widths, dtype=torch.int64), dim=1)

    def values(self) -> Tensor:
        """``[size]``, 1 at the places of standardised numbers."""
        mask = torch.zeros(self.size)
        mask[: 2 * len(self.numbers) : 2] = 1
        return mask

    def outside(self, properties: Mapping[str, Value]) -> list[Number]:
        """Return the numbers asked for beyond the range that the training cases span."""
        return [
            number
            for number in self.numbers
            if isinstance(value := properties.get(number.name), int | float)
            and not number.low <= value <= number.high
        ]

    def draw(self, rng: torch.Generator, asked: Mapping[str, Value]) -> dict[str, Value]:
        """Draw the properties of somebody like the training cases, and none of them.

        Numbers are jointly normal with the correlation of the training cases, given those asked
        for, and held to the range seen; terms are independent.

        Args:
            rng: on the CPU; takes as many values whatever is asked for.
            asked: properties that are settled; they come back as they are.
        """
        drawn: dict[str, Value] = {}
        normal = torch.randn(len(self.numbers), generator=rng, dtype=torch.float64)
        settled = {
            i: (float(value) - number.mean) / number.deviation
            for i, number in enumerate(self.numbers)
            if (value := asked.get(number.name)) is not None
        }
        for number, z in zip(self.numbers, self._given(settled, normal), strict=True):
            value = number.mean + number.deviation * z
            drawn[number.name] = min(max(value, number.low), number.high)
        for term in self.terms:
            shares = torch.tensor(list(term.shares.values()), dtype=torch.float64)
            choice = int(torch.multinomial(shares, 1, generator=rng))
            drawn[term.name] = list(term.shares)[choice]
        return {**drawn, **asked}

    def _given(self, settled: Mapping[int, float], normal: Tensor) -> list[float]:
        """Correlated normal numbers of which some are settled: the conditional distribution."""
        values = torch.zeros_like(normal)
        known = list(settled)
        free = [i for i in range(len(normal)) if i not in settled]
        values[known] = torch.tensor(list(settled.values()), dtype=values.dtype)
        if free:
            r = torch.tensor(self.correlation, dtype=values.dtype)
            slope = torch.linalg.solve(r[known][:, known], r[known][:, free]).T
            factor = torch.linalg.cholesky(r[free][:, free] - slope @ r[known][:, free])
            values[free] = slope @ values[known] + factor @ normal[free]
        drawn: list[float] = values.tolist()
        return drawn

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes: plain lists, numbers and text."""
        return {
            "numbers": [asdict(number) for number in self.numbers],
            "terms": [asdict(term) for term in self.terms],
            "correlation": [list(row) for row in self.correlation],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Rebuild.

        Raises:
            KeyError: a part is missing.
            TypeError: a part has other members.
        """
        return cls(
            tuple(Number(**number) for number in document["numbers"]),
            tuple(Term(**term) for term in document["terms"]),
            tuple(tuple(row) for row in document["correlation"]),
        )


def measure(cases: Sequence[Mapping[str, Value]], names: Sequence[str]) -> Conditions:
    """Take the statistics of the training cases.

    Args:
        cases: properties of each, by name.
        names: of the properties that the model is given; numbers and terms in any order.

    Raises:
        ValueError: a property that no case has, or whose values are of both kinds.
    """
    numbers, terms = [], []
    for name in names:
        values = [value for case in cases if (value := case.get(name)) is not None]
        kinds = {isinstance(value, str | bool) for value in values}
        if len(kinds) != 1:
            raise ValueError(f"{name}: no training case has it" if not kinds else f"{name}: mixed")
        known = len(values) / len(cases)
        if kinds == {True}:
            found = sorted(map(str, values))
            shares = {value: found.count(value) / len(found) for value in sorted(set(found))}
            terms.append(Term(name, shares, known))
        else:
            numbers.append(_number(name, [float(value) for value in values], known))
    return Conditions(tuple(numbers), tuple(terms), _correlation(cases, numbers))


def _number(name: str, values: list[float], known: float) -> Number:
    low, high = torch.tensor(values, dtype=torch.float64).quantile(
        torch.tensor(RANGE, dtype=torch.float64)
    )
    return Number(name, fmean(values), pstdev(values) or 1.0, low.item(), high.item(), known)


def _correlation(
    cases: Sequence[Mapping[str, Value]], numbers: Sequence[Number]
) -> tuple[tuple[float, ...], ...]:
    """Over the cases that have all numbers; none where fewer than three do."""
    rows = [
        [(case[n.name] - n.mean) / n.deviation for n in numbers]  # type: ignore[operator]
        for case in cases
        if all(case.get(n.name) is not None for n in numbers)
    ]
    identity = torch.eye(len(numbers), dtype=torch.float64)
    if len(rows) < 3 or not numbers:
        return tuple(map(tuple, identity.tolist()))
    found = torch.corrcoef(torch.tensor(rows, dtype=torch.float64).T).reshape(identity.shape)
    found = found.nan_to_num(0.0) * (1 - SHRINKAGE)  # nan: a number that never varies
    return tuple(map(tuple, found.fill_diagonal_(1.0).tolist()))
