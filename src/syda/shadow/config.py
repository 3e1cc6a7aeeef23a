"""Section ``shadow`` of params.yaml."""

from pydantic import Field

from syda.model.device import Precision
from syda.params import Section


class ShadowParams(Section):
    """Section ``shadow``: projection, strength and the limit of a copy."""

    strength: float = Field(ge=0, le=1)
    seed: int = Field(ge=0)
    steps: int = Field(ge=1)
    tolerance: float = Field(ge=0, lt=1)
    style_lr: float = Field(gt=0)
    noise_lr: float = Field(ge=0)
    style_prior: float = Field(ge=0)
    noise_prior: float = Field(ge=0)
    precision: Precision
    copy_share: float = Field(ge=0)
