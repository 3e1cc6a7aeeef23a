"""Section ``pack`` of params.yaml."""

from pydantic import Field

from syda.params import Section
from syda.records.tfrecord import Compression


class PackParams(Section):
    """How records are split, sharded and compressed."""

    holdout_share: float = Field(gt=0, lt=1)
    shards: int = Field(ge=1, le=256)
    compression: Compression
