"""Shards and their index, written one case at a time."""

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from syda.records import schema, split, tfrecord
from syda.runtime.outputs import write_json

INDEX = "index.json"


@dataclass(frozen=True)
class Entry:
    """A record's line in ``index.json``.

    Attributes:
        case: keyed hash of patient and series.
        patient: keyed hash of the patient.
        split: ``train`` or ``holdout``.
        shard: file name.
        sha256: of the serialized record.
        longest_side: L, voxels along the longest side.
    """

    case: str
    patient: str
    split: split.Split
    shard: str
    sha256: str
    longest_side: int


def write(
    folder: Path,
    records: Iterable[schema.Record],
    *,
    holdout_share: float,
    shards: int,
    compression: tfrecord.Compression = "none",
) -> list[Entry]:
    """Write every record to its shard, in the order given, and ``index.json``.

    Args:
        folder: exists and is empty.
        records: sorted by case, so that the bytes do not depend on chance.
        holdout_share: expected share of patients held out.
        shards: files for each split, all open at once; one without a case is not written.
        compression: of each shard as a whole.

    Returns:
        The index.
    """
    index = []
    with ExitStack() as stack:
        streams: dict[str, BinaryIO] = {}
        for record in records:
            case = record.case
            side = split.split_of(case.patient, holdout_share)
            shard = split.shard_name(side, split.shard_of(case.case, shards), shards)
            if shard not in streams:
                created = tfrecord.create(folder / shard, compression)
                streams[shard] = stack.enter_context(created)
            data = schema.encode(record)
            streams[shard].write(tfrecord.frame(data))
            longest = max(record.volume.hu.shape)
            sha256 = hashlib.sha256(data).hexdigest()
            index.append(Entry(case.case, case.patient, side, shard, sha256, longest))
    write_json(folder / INDEX, {"records": [asdict(entry) for entry in index]})
    return index
