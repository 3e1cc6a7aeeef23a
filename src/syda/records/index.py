"""The index of a folder of records: ``index.json``, a line for each record."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from syda import paths
from syda.errors import CorruptData
from syda.records.split import Split
from syda.runtime.digest import sha256_of_file
from syda.runtime.outputs import write_json

INDEX = "index.json"


@dataclass(frozen=True)
class IndexEntry:
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
    split: Split
    shard: str
    sha256: str
    longest_side: int


def records_of(root: Path, data: Mapping[str, Any]) -> Path | None:
    """Return the folder of the records here if weights were trained on them, else None.

    Args:
        root: of the repository.
        data: of the weights' description.

    >>> records_of(Path(), {"index_sha256": "0" * 64}) is None
    True
    """
    folder = root / paths.RECORDS
    index = folder / INDEX
    same = index.is_file() and sha256_of_file(index) == data.get("index_sha256")
    return folder if same else None


def write_index(folder: Path, index: Sequence[IndexEntry]) -> None:
    """Write ``index.json``."""
    write_json(folder / INDEX, {"records": [asdict(entry) for entry in index]})


def read_index(folder: Path) -> list[IndexEntry]:
    """Read ``index.json``.

    Raises:
        CorruptData: the file is missing or is no such index.
    """
    path = folder / INDEX
    try:
        lines = json.loads(path.read_text(encoding="utf-8"))["records"]
        return [IndexEntry(**line) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptData(f"{folder.name}/{INDEX}: not a readable index ({error})") from error
