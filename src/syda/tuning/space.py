"""The space of a search: keys of params.yaml, what each may be, and a trial's values in it."""

import json
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, Protocol, Self

from pydantic import Discriminator, Field, JsonValue, Tag, model_validator

from syda.errors import ParamsError
from syda.params import ModelParams, Params, Section
from syda.stages import train

SECTIONS: dict[str, type[Section]] = {"train": train.Params, "model": ModelParams}
"""Whose keys may be searched, and the classes that check their values."""

FIXED = ("train.images", "train.seed")
"""A trial's length is ``tune.images``; the seed is no setting, and its best value means nothing."""

DIGITS = 4
"""Significant digits of a number that is tried, so that the printed line says all of it."""


class Range(Section):
    """A number from ``low`` to ``high``, both included; whole where the key holds whole ones."""

    low: int | float
    high: int | float
    log: bool
    """Whether each order of magnitude is tried as often as the others."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("needs low < high, and low > 0 where log is true")
        return self

    def ends(self) -> list[JsonValue]:
        """Return values that stand for all: what is between the bounds is right if they are."""
        return [self.low, self.high]


class Choices(Section):
    """One of several values."""

    choices: list[JsonValue] = Field(min_length=2)

    def ends(self) -> list[JsonValue]:
        """Return all of them."""
        return self.choices


def _kind(value: Any) -> str:
    """Which of the two it is meant to be: read from YAML, or written back."""
    named = isinstance(value, dict) and "choices" in value
    return "choices" if named or isinstance(value, Choices) else "range"


Axis = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)
]
Space = dict[str, Axis]
"""What each key may be."""


class Suggester(Protocol):
    """What proposes values: Optuna's trial."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float:
        """Propose a number."""
        ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool) -> int:
        """Propose a whole number."""
        ...

    def suggest_categorical(self, name: str, choices: list[str]) -> str:
        """Propose one of several texts."""
        ...


def check(params: Params, space: Space) -> None:
    """Hold a space against the keys that there are and the values that they take.

    Raises:
        ParamsError: a key that no section has or that is not searched, a range of what is no
            number, a value that the section refuses; all are named.
    """
    for name, cls in SECTIONS.items():
        params.section(name, cls)
    faults = [
        params.source.fault(("tune", "space", key), wrong)
        for key, axis in space.items()
        for wrong in _faults(params, key, axis)
    ]
    if faults:
        raise ParamsError("\n".join(map(str, sorted(set(faults)))))


def _faults(params: Params, key: str, axis: Axis) -> list[str]:
    kind = _annotation(key)
    if kind is None:
        return ["no such key in the sections train and model"]
    if key in FIXED:
        return ["not searched: tune.images is a trial's length, and a seed is no setting"]
    if isinstance(axis, Range) and kind not in (int, float):
        return ["not a number: give choices"]
    wrong = []
    for value in axis.ends():
        try:
            changed = params.changed({key: value})
            changed.section(key.partition(".")[0], SECTIONS[key.partition(".")[0]])
        except ParamsError as error:
            wrong.append(f"{json.dumps(value)} is refused: {'; '.join(str(error).splitlines())}")
    return wrong


def _annotation(key: str) -> Any:
    """Type of a dotted key's value; None where there is no such key."""
    name, *inner = key.split(".")
    kind: Any = SECTIONS.get(name)
    for part in inner:
        fields = kind.model_fields if _is_section(kind) else {}
        kind = fields[part].annotation if part in fields else None
    return None if _is_section(kind) else kind


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def suggest(trial: Suggester, space: Space) -> dict[str, JsonValue]:
    """Return a value for each key, as params.yaml would hold it."""
    values: dict[str, JsonValue] = {}
    for key, axis in space.items():
        if isinstance(axis, Choices):
            texts = [json.dumps(value) for value in axis.choices]
            values[key] = json.loads(trial.suggest_categorical(key, texts))
        elif _annotation(key) is int:
            low, high = int(axis.low), int(axis.high)
            values[key] = trial.suggest_int(key, low, high, log=axis.log)
        else:
            value = trial.suggest_float(key, axis.low, axis.high, log=axis.log)
            values[key] = min(max(float(f"{value:.{DIGITS}g}"), axis.low), axis.high)
    return values


def present(params: Params, space: Space) -> dict[str, Any] | None:
    """Return the values of params.yaml as a trial is asked for them; None if one is outside."""
    proposed: dict[str, Any] = {}
    for key, axis in space.items():
        name, *inner = key.split(".")
        value: Any = params.section(name, SECTIONS[name]).model_dump(mode="json")
        for part in inner:
            value = value[part]
        if isinstance(axis, Choices):
            if value not in axis.choices:
                return None
            proposed[key] = json.dumps(axis.choices[axis.choices.index(value)])
        elif axis.low <= value <= axis.high:
            proposed[key] = value
        else:
            return None
    return proposed


def command(values: Mapping[str, JsonValue]) -> str:
    """Return the line that runs the pipeline with these values, for a shell."""
    words = (shlex.quote(f"{key}={_told(value)}") for key, value in values.items())
    return " ".join(["dvc exp run", *(f"-S {word}" for word in words)])


def _told(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)
