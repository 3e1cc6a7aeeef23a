"""Section ``validate`` of params.yaml."""

from typing import Annotated

from pydantic import AfterValidator, Field

from syda.params import Section


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the lower bound is above the upper one")
    return bounds


Share = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
ShareRange = Annotated[tuple[Share, Share], AfterValidator(_ordered)]
CountRange = Annotated[tuple[int, int], AfterValidator(_ordered)]


class ValidateParams(Section):
    """Bounds of the expectations that the section ``ct`` does not give."""

    spacing_tolerance_mm: float = Field(gt=0, le=0.01)
    min_cases: int = Field(ge=1)
    min_cases_per_split: int = Field(ge=1)
    min_std_hu: float = Field(gt=0)
    side_voxels: CountRange
    p0_5_hu: Range
    p99_5_hu: Range
    air_share: ShareRange
    max_below_window_share: Share
    max_above_window_share: Share
    attributes: list[str] = Field(min_length=1)
    min_attributes_share: Share
