"""Shards and their index, written one case at a time."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from syda.records import schema, split, tfrecord
from syda.records.config import PackParams
from syda.records.index import IndexEntry, write_index
from syda.runtime.digest import sha256_of


def write(folder: Path, records: Iterable[schema.Record], config: PackParams) -> list[IndexEntry]:
    """Write every record to its shard, in the order given, and ``index.json``.

    Args:
        folder: exists and is empty.
        records: sorted by case, so that the same cases give the same bytes.
        config: a shard without a case is not written; all shards are open at once.

    Returns:
        The index.
    """
    index = []
    with ExitStack() as stack:
        streams: dict[str, BinaryIO] = {}
        for record in records:
            case = record.case
            side = split.split_of(case.patient, config.holdout_share)
            number = split.shard_of(case.case, config.shards)
            shard = split.shard_name(side, number, config.shards)
            if shard not in streams:
                created = tfrecord.create(folder / shard, config.compression)
                streams[shard] = stack.enter_context(created)
            data = schema.encode(record)
            streams[shard].write(tfrecord.frame(data))
            longest = record.volume.longest_side
            sha256 = sha256_of(data)
            index.append(IndexEntry(case.case, case.patient, side, shard, sha256, longest))
    write_index(folder, index)
    return index
