"""Which patients are held out, and which shard a case goes to: hashes, so nobody ever moves."""

import hashlib
from typing import Literal

Split = Literal["train", "holdout"]
SPLITS: tuple[Split, ...] = ("train", "holdout")


def _uniform(text: str) -> float:
    """A number in [0, 1) fixed by the text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def split_of(patient: str, holdout_share: float) -> Split:
    """Decide a patient's split; other patients, data versions and scans have no say.

    Args:
        patient: pseudonym.
        holdout_share: expected share of patients held out, in [0, 1].
    """
    return "holdout" if _uniform(f"split:{patient}") < holdout_share else "train"


def shard_of(case: str, shards: int) -> int:
    """Index of the shard that holds a case."""
    return int(_uniform(f"shard:{case}") * shards)


def shard_name(split: Split, number: int, shards: int) -> str:
    """File name of a shard, e.g. ``train-00000-of-00004.tfrecord``."""
    return f"{split}-{number:05d}-of-{shards:05d}.tfrecord"
