"""The search space: its check against params.yaml, and the values of a trial."""

import json
import shlex
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import JsonValue

from syda.errors import ParamsError
from syda.params import ModelParams, Params, Section
from syda.training.config import TrainParams
from syda.tuning.config import Axis, Choices, Range, Space

SECTIONS: dict[str, type[Section]] = {"train": TrainParams, "model": ModelParams}
"""Sections whose keys can be searched."""

FIXED = ("train.stages", "train.seed")
"""Keys that cannot be searched: ``tune.images`` is a trial's length, and a best seed is noise."""

DIGITS = 4
"""Significant digits of a number that is tried; the printed command has all of them."""


class Suggester(Protocol):
    """The part of Optuna's trial that proposes values."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float:
        """Propose a number."""
        ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool) -> int:
        """Propose an integer."""
        ...

    def suggest_categorical(self, name: str, choices: list[str]) -> str:
        """Propose one of several texts."""
        ...


def check(params: Params, space: Space) -> None:
    """Check that all keys exist and that their sections accept all bounds.

    Raises:
        ParamsError: names every fault.
    """
    for name, cls in SECTIONS.items():
        params.section(name, cls)
    faults = [
        params.source.fault(("tune", "space", key), fault)
        for key, axis in space.items()
        for fault in _faults(params, key, axis)
    ]
    if faults:
        raise ParamsError("\n".join(map(str, sorted(set(faults)))))


def _faults(params: Params, key: str, axis: Axis) -> list[str]:
    kind = _annotation(key)
    if kind is None:
        return ["no such key in the sections train and model"]
    if key in FIXED:
        return ["cannot be searched: tune.images is a trial's length, and a best seed is noise"]
    if isinstance(axis, Range) and kind not in (int, float):
        return ["not a number: give choices"]
    faults, section = [], key.partition(".")[0]
    for value in axis.bounds():
        try:
            params.changed({key: value}).section(section, SECTIONS[section])
        except ParamsError as error:
            faults.append(f"{json.dumps(value)} is refused: {'; '.join(str(error).splitlines())}")
    return faults


def _annotation(key: str) -> Any:
    """Return the type of a dotted key's value; None if there is no such key."""
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


def baseline_values(params: Params, space: Space) -> dict[str, Any] | None:
    """Return the values of params.yaml as Optuna's parameters; None if one is outside the space."""
    baseline: dict[str, Any] = {}
    for key, axis in space.items():
        name, *inner = key.split(".")
        value: Any = params.section(name, SECTIONS[name]).model_dump(mode="json")
        for part in inner:
            value = value[part]
        if isinstance(axis, Choices):
            if value not in axis.choices:
                return None
            baseline[key] = json.dumps(axis.choices[axis.choices.index(value)])
        elif axis.low <= value <= axis.high:
            baseline[key] = value
        else:
            return None
    return baseline


def command(values: Mapping[str, JsonValue]) -> str:
    """Return the shell command that runs the pipeline with these values."""
    settings = (
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in values.items()
    )
    return " ".join(["dvc exp run", *(f"-S {shlex.quote(setting)}" for setting in settings)])
