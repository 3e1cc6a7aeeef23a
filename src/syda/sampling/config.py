"""Section ``generate`` of params.yaml."""

from typing import Annotated

from pydantic import Field

from syda.model.device import Precision
from syda.params import Section

Share = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[list[float], Field(min_length=2, max_length=2)]


class GateParams(Section):
    """Section ``generate.gate``: what a volume must be (:mod:`syda.sampling.gate`)."""

    p0_5_hu: Range
    p99_5_hu: Range
    min_std_hu: float = Field(ge=0)
    min_body_share: Share
    max_loose_share: Share
    max_open_share: Share
    min_air_border_share: Share
    copy_quantile: Share
    max_rejected_share: float = Field(ge=0, lt=1)


class GenerateParams(Section):
    """Section ``generate``: the volumes of ``data/synthetic``."""

    seed: int = Field(ge=0)
    count: int = Field(ge=1, le=1_000_000)
    truncation: float = Field(ge=0, le=1)
    precision: Precision
    properties: dict[str, str | float | Range]
    export: int = Field(ge=1)
    gate: GateParams
