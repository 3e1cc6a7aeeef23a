"""Section ``gallery`` of params.yaml."""

from pydantic import Field

from syda.params import Section


class GalleryParams(Section):
    """Which volumes the page shows, how exactly, and its largest size."""

    synthetic: int = Field(ge=1)
    real: int = Field(ge=1)
    hu_step: int = Field(ge=1, le=50)
    max_mb: float = Field(gt=0)
