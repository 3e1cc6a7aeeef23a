"""Rows of a folder of TFRecord shards, each record held against the index.

The reader that training uses stops at the first fault; here the reading goes on, so that one report
names them all.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from syda.errors import CorruptData
from syda.expectations.descriptions import missing
from syda.expectations.tables import Row, volume_row
from syda.records import reader, schema, tfrecord
from syda.records.writer import INDEX, Entry


def record_index(folder: Path) -> tuple[list[Entry], list[Row]]:
    """Read the index of a folder of shards; a row with a fault stands for one that is missing."""
    if not folder.is_dir():
        return [], []
    try:
        return reader.read_index(folder), []
    except CorruptData as error:
        return [], [Row(INDEX, fault=str(error))]


def shard_files(folder: Path, entries: Sequence[Entry]) -> list[Path]:
    """Shards that are in the folder or that its index names, by name."""
    names = {path.name for path in folder.glob("*.tfrecord")} | {entry.shard for entry in entries}
    return [folder / name for name in sorted(names)]


def shard_rows(
    shard: Path, entries: Sequence[Entry], window: tuple[int, int], attributes: Sequence[str]
) -> list[Row]:
    """Measure every record of a shard and hold it against the index.

    Args:
        shard: a TFRecord file, named after its split.
        entries: lines of the index, those of other shards too.
        window: lowest and highest HU of the model's window.
        attributes: names of those that should be known.

    Returns:
        A row a record; one more, with a fault, for a record that ends the reading, and for each
        case that the index places here and that is not here.
    """
    expected = {entry.case: entry for entry in entries if entry.shard == shard.name}
    split = shard.name.split("-")[0]
    rows = []
    try:
        for number, data in enumerate(tfrecord.read(shard)):
            where = f"record {number} of {shard.name}"
            rows.append(_record_row(where, data, expected, split, window, attributes))
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
    expected: dict[str, Entry],
    split: str,
    window: tuple[int, int],
    attributes: Sequence[str],
) -> Row:
    try:
        record = schema.decode(data)
        case, volume = record.case, record.volume
        row = volume_row(
            case.case, volume.hu, volume.affine, window, patient=case.patient, split=split
        )
    except ValueError as error:
        return Row(where, fault=str(error), split=split)
    row = replace(row, attributes_missing=missing(case.attributes, attributes))
    entry = expected.get(case.case)
    if entry is None:
        return replace(row, fault=f"{where}: the index does not name it")
    if (entry.patient, entry.split) != (case.patient, split):
        return replace(row, fault=f"{where}: the index has another patient or split for it")
    if entry.sha256 != hashlib.sha256(data).hexdigest():
        return replace(row, fault=f"{where}: not the bytes that the index has the sha256 of")
    return row
