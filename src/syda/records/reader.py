"""Records read back, each checked: CRC, schema, spacing, and the index's sha256 of it."""

from collections.abc import Iterator
from pathlib import Path

from syda.errors import CheckFailed, CorruptData
from syda.records import schema, tfrecord
from syda.records.index import read_index
from syda.records.split import Split
from syda.runtime.digest import sha256_of
from syda.volume.geometry import is_isotropic


def read_split(folder: Path, side: Split, spacing_mm: float) -> Iterator[schema.Record]:
    """Yield the records of a split, shard by shard in the order of their names.

    Args:
        folder: of shards and index.
        side: ``train`` or ``holdout``.
        spacing_mm: what every record's spacing must be, along each axis.

    >>> import tempfile
    >>> import numpy as np
    >>> from syda.records import writer
    >>> from syda.records.config import PackParams
    >>> from syda.types import Case, Volume
    >>> scan = Volume(np.zeros((4, 3, 2), np.int16), np.diag([1.5, 1.5, 1.5, 1.0]))
    >>> records = [schema.Record(Case(f"c{n}", f"p{n}", {"sex": "F"}), scan) for n in range(4)]
    >>> params = PackParams(holdout_share=0.5, shards=1, compression="none")
    >>> with tempfile.TemporaryDirectory() as name:
    ...     index = writer.write(Path(name), records, params)
    ...     train = list(read_split(Path(name), "train", 1.5))
    >>> [entry.split for entry in index], train[0].case.attributes, train[0].volume.hu.shape
    (['holdout', 'train', 'holdout', 'holdout'], {'sex': 'F'}, (4, 3, 2))

    Raises:
        CorruptData: a record is truncated, altered, unknown to the index, or missing; names shard
            and record number (from 0).
        CheckFailed: a record of another spacing.
    """
    index = [entry for entry in read_index(folder) if entry.split == side]
    for shard in sorted({entry.shard for entry in index}):
        if not (folder / shard).is_file():
            raise CorruptData(f"{shard}: missing, the index names it")
        expected = {entry.case: entry for entry in index if entry.shard == shard}
        number = 0
        for number, data in enumerate(tfrecord.read(folder / shard), start=1):
            where = f"{shard}, record {number - 1}"
            record = _decode(data, where)
            entry = expected.pop(record.case.case, None)
            if entry is None:
                raise CorruptData(f"{where}: case not in the index")
            if entry.sha256 != sha256_of(data):
                raise CorruptData(f"{where}: not the bytes that the index has the sha256 of")
            if not is_isotropic(record.volume, spacing_mm):
                raise CheckFailed(
                    f"case {record.case.case} in {where}: spacing {record.volume.spacing} mm, "
                    f"expected {spacing_mm} mm: resample it"
                )
            yield record
        if expected:
            raise CorruptData(
                f"{shard}, record {number}: missing, the index has case {min(expected)} there"
            )


def _decode(data: bytes, where: str) -> schema.Record:
    try:
        return schema.decode(data)
    except ValueError as error:
        raise CorruptData(f"{where}: {error}") from error
