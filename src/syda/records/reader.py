"""Records read back, each checked: CRC, schema, spacing, and that the index knows it."""

import json
from collections.abc import Iterator
from pathlib import Path

from syda.errors import CheckFailed, CorruptData
from syda.records import schema, tfrecord
from syda.records.split import Split
from syda.records.writer import INDEX, Entry
from syda.volume.geometry import is_isotropic


def read_index(folder: Path) -> list[Entry]:
    """Read ``index.json``.

    Raises:
        CorruptData: missing, or not such an index.
    """
    path = folder / INDEX
    try:
        lines = json.loads(path.read_text(encoding="utf-8"))["records"]
        return [Entry(**line) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptData(f"{folder.name}/{INDEX}: not a readable index ({error})") from error


def read_split(folder: Path, side: Split, spacing_mm: float) -> Iterator[schema.Record]:
    """Yield the records of a split, shard by shard in the order of their names.

    Args:
        folder: of shards and index.
        side: ``train`` or ``holdout``.
        spacing_mm: what every record's spacing must be, along each axis.

    Raises:
        CorruptData: a record is truncated, altered, unknown to the index, or missing.
        CheckFailed: a record of another spacing.
    """
    expected = {entry.case: entry.shard for entry in read_index(folder) if entry.split == side}
    for shard in sorted(set(expected.values())):
        if not (folder / shard).is_file():
            raise CorruptData(f"{shard}: missing, the index names it")
        for number, data in enumerate(tfrecord.read(folder / shard)):
            record = _decode(data, f"{shard}, record {number}")
            if expected.pop(record.case.case, None) != shard:
                raise CorruptData(f"{shard}, record {number}: case not in the index")
            if not is_isotropic(record.volume, spacing_mm):
                raise CheckFailed(
                    f"case {record.case.case} in {shard}: spacing {record.volume.spacing} mm, "
                    f"expected {spacing_mm} mm: resample it"
                )
            yield record
    if expected:
        raise CorruptData(
            f"{next(iter(expected.values()))}: case {next(iter(expected))} is missing"
        )


def _decode(data: bytes, where: str) -> schema.Record:
    try:
        return schema.decode(data)
    except ValueError as error:
        raise CorruptData(f"{where}: {error}") from error
