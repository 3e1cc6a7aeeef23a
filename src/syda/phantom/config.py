"""Section ``phantom`` of params.yaml."""

from pydantic import Field

from syda.params import Section


class PhantomParams(Section):
    """Seed and size of the artificial cohort."""

    seed: int = Field(ge=0)
    base_subjects: int = Field(ge=1)
    added_subjects: int = Field(ge=1)
