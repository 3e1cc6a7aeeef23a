"""Section ``resample`` of params.yaml."""

from pydantic import Field

from syda.params import Section


class ResampleParams(Section):
    """How large a resampled scan may become."""

    max_side: int = Field(ge=1)
