"""Section ``evaluate`` of params.yaml."""

from typing import Any, Self

from pydantic import Field, model_validator

from syda.metrics.cohorts import Sampling
from syda.metrics.published import PUBLISHED
from syda.params import Section


class ExtractorWeights(Section):
    """File of a feature network, as its authors published it."""

    path: str = Field(min_length=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class EvaluateParams(Section):
    """Section ``evaluate``."""

    seed: int = Field(ge=0)
    pairs: int = Field(ge=1)
    bootstrap: int = Field(ge=100)
    shown: int = Field(ge=1)
    property_vectors: int = Field(ge=2)
    seeds: int = Field(ge=2)
    extractors: dict[str, ExtractorWeights]

    @model_validator(mode="after")
    def _published(self) -> Self:
        unknown = sorted(self.extractors.keys() - PUBLISHED.keys())
        if unknown:
            names = ", ".join(PUBLISHED)
            raise ValueError(f"extractors: {', '.join(unknown)}: no network among {names}")
        return self

    @property
    def sampling(self) -> Sampling:
        """The random choices."""
        return Sampling(self.seed, self.pairs, self.bootstrap)

    def recorded(self) -> dict[str, Any]:
        """The section as the manifest has it: without the paths of files."""
        section = self.model_dump(mode="json")
        for file in section["extractors"].values():
            del file["path"]
        return section
