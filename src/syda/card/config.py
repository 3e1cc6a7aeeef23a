"""Section ``card`` of params.yaml."""

from pydantic import Field

from syda.params import Section


class CardParams(Section):
    """Section ``card``."""

    significant_digits: int = Field(ge=2, le=17)
