"""Rows of a folder of TFRecord shards; each record is compared with the index.

The reader of the training stops at the first fault. Here reading goes on, so that one report names
every fault.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from syda.errors import CorruptData
from syda.expectations.tables import Row, missing_attributes, volume_row
from syda.records import schema, tfrecord
from syda.records.index import INDEX, IndexEntry, read_index
from syda.runtime.digest import sha256_of


def record_index(folder: Path) -> tuple[list[IndexEntry], list[Row]]:
    """Read the index of a folder of shards; of a broken index return a row with the fault."""
    if not folder.is_dir():
        return [], []
    try:
        return read_index(folder), []
    except CorruptData as error:
        return [], [Row(INDEX, fault=str(error))]


def shard_files(folder: Path, entries: Sequence[IndexEntry]) -> list[Path]:
    """Shards in the folder or in its index, sorted by name."""
    names = {path.name for path in folder.glob("*.tfrecord")} | {entry.shard for entry in entries}
    return [folder / name for name in sorted(names)]


def shard_rows(
    shard: Path, entries: Sequence[IndexEntry], window: tuple[int, int], required: Sequence[str]
) -> list[Row]:
    """Measure every record of a shard and compare it with the index.

    Args:
        shard: a TFRecord file, named after its split.
        entries: all entries of the index.
        window: lowest and highest HU of the model's window.
        required: names of attributes that should have a value.

    Returns:
        A row for each record, and rows with a fault: one where the file is damaged or missing, and
        one for each case that the index lists in this shard and that was not found.
    """
    expected = {entry.case: entry for entry in entries if entry.shard == shard.name}
    split = shard.name.split("-")[0]
    rows = []
    try:
        for number, data in enumerate(tfrecord.read(shard)):
            where = f"record {number} of {shard.name}"
            rows.append(_record_row(where, data, expected, split, window, required))
    except FileNotFoundError:
        rows.append(Row(shard.name, fault="the index names this file, it does not exist"))
    except (CorruptData, OSError) as error:
        rows.append(Row(shard.name, fault=str(error).replace(str(shard), shard.name)))
    absent = sorted(expected.keys() - {row.case for row in rows})
    return rows + [
        Row(case, fault=f"not found in {shard.name}, where the index has it", split=split)
        for case in absent
    ]


def _record_row(
    where: str,
    data: bytes,
    expected: dict[str, IndexEntry],
    split: str,
    window: tuple[int, int],
    required: Sequence[str],
) -> Row:
    try:
        record = schema.decode(data)
        case, volume = record.case, record.volume
        row = volume_row(
            case.case, volume.hu, volume.affine, window, patient=case.patient, split=split
        )
    except ValueError as error:
        return Row(where, fault=str(error), split=split)
    row = replace(row, attributes_missing=missing_attributes(case.attributes, required))
    entry = expected.get(case.case)
    if entry is None:
        return replace(row, fault=f"{where}: the index does not name it")
    if (entry.patient, entry.split) != (case.patient, split):
        return replace(row, fault=f"{where}: the index has another patient or split for it")
    if entry.sha256 != sha256_of(data):
        return replace(row, fault=f"{where}: not the bytes that the index has the sha256 of")
    return row
