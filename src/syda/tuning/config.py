"""Section ``tune`` of params.yaml, and the search space in it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, JsonValue, Tag, model_validator

from syda.params import Section


class Range(Section):
    """A number from ``low`` to ``high``, both included; ``log`` samples orders of magnitude."""

    low: int | float
    high: int | float
    log: bool

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("needs low < high, and low > 0 where log is true")
        return self

    def bounds(self) -> list[JsonValue]:
        """Return both ends: the values between them are valid if these are."""
        return [self.low, self.high]


class Choices(Section):
    """One of several values."""

    choices: list[JsonValue] = Field(min_length=2)

    def bounds(self) -> list[JsonValue]:
        """Return all choices."""
        return self.choices


def _kind(value: Any) -> str:
    """Tell the two apart, in YAML and as objects."""
    named = isinstance(value, dict) and "choices" in value
    return "choices" if named or isinstance(value, Choices) else "range"


Axis = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)
]
Space = dict[str, Axis]
"""Search space: dotted key of params.yaml to the values to try."""


class TuneParams(Section):
    """Section ``tune``."""

    trials: int = Field(ge=1)
    startup: int = Field(ge=1)
    seed: int = Field(ge=0)
    images: int = Field(ge=2)
    points: int = Field(ge=1)
    validation_share: float = Field(gt=0, lt=1)
    volumes: int = Field(ge=2)
    objective: Literal["hu_w1_ms_ssim", "perceptual"]
    space: Space = Field(min_length=1)
