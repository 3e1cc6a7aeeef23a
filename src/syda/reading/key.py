"""The answer key: which volume each item of each page is, and the digests that bind pages to it.

A page carries the salted sha256 of the answers. The salt stays in the key: without it nobody can
find the answers by trying them out. With it, anybody to whom the key is opened can check that the
answers were fixed before the reading (a commitment).

Source: O. Goldreich, "Foundations of Cryptography", volume 1, 2001, section 4.4.1.
"""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from syda.errors import CheckFailed, UsageError
from syda.reading.design import StudyDesign, VolumeKind, order
from syda.reading.strict_model import StrictModel, read_json
from syda.runtime.digest import sha256_of, sha256_of_json

FILE = "key.json"
PAGES = "pages"

Grid = Literal["matched", "native"]
"""``matched``: every volume at the voxel size of the coarsest. ``native``: each at its real one."""

Hex64 = Field(pattern=r"^[0-9a-f]{64}$")


class StudyVolume(StrictModel):
    """A volume of the study: what it is, and its name in its set."""

    kind: VolumeKind
    name: str


class StudyItem(StrictModel):
    """An item of a page: its code there, the number of its volume, and whether it is a repeat."""

    code: str
    volume: int = Field(ge=0)
    repeat: bool


class ReaderPage(StrictModel):
    """A reader's page: the items in order, and the digest of what the page holds."""

    reader: int = Field(ge=1)
    page_sha256: str = Hex64
    items: list[StudyItem]


class StudyKey(StrictModel):
    """The answers of a study (``data/reading/key.json``)."""

    format: Literal[1]
    salt: str = Field(min_length=32)
    seed: int
    data_version: str
    artificial: bool
    weights_sha256: str = Hex64
    grid: Grid
    volumes: list[StudyVolume]
    readers: list[ReaderPage]
    key_sha256: str = Hex64

    def page(self, reader: int) -> ReaderPage:
        """Return the page of a reader.

        Raises:
            CheckFailed: the study has no such reader.
        """
        for page in self.readers:
            if page.reader == reader:
                return page
        raise CheckFailed(f"reader {reader}: the study has readers 1 to {len(self.readers)}")


def new_salt() -> str:
    """Return 256 random bits."""
    return secrets.token_hex(32)


def items_of(design: StudyDesign, reader: int, salt: str) -> list[StudyItem]:
    """Return the items of a reader in order.

    A code says nothing about its volume, and differs from reader to reader.
    """
    return [
        StudyItem(
            code=sha256_of(f"{salt}:{reader}:{position}")[:12],
            volume=showing.volume,
            repeat=showing.repeat,
        )
        for position, showing in enumerate(order(design, reader))
    ]


def salted_sha256(
    salt: str, volumes: Sequence[StudyVolume], items: Mapping[int, Sequence[StudyItem]]
) -> str:
    """Digest of the answers.

    Args:
        salt: of the study.
        volumes: by number.
        items: of each reader, by number.
    """
    answers = {
        "volumes": [volume.model_dump() for volume in volumes],
        "items": {
            str(reader): [item.model_dump() for item in of_reader]
            for reader, of_reader in items.items()
        },
    }
    return sha256_of(f"{salt}\n{sha256_of_json(answers)}")


def page_sha256(description: str, voxels: Sequence[str]) -> str:
    """Digest of what a page holds; the page's script computes the same.

    Args:
        description: JSON text of the page.
        voxels: packed voxels of each item, in order.
    """
    return sha256_of("\n".join([description, *voxels]))


def build(
    design: StudyDesign, facts: Mapping[str, Any], volumes: Sequence[StudyVolume], salt: str
) -> dict[str, Any]:
    """Return the fields of a key, except the digests of the pages.

    Args:
        design: of the study.
        facts: data version, weights and grid.
        volumes: by number.
        salt: of the study.
    """
    items = {reader: items_of(design, reader, salt) for reader in range(1, design.readers + 1)}
    return {
        **facts,
        "format": 1,
        "salt": salt,
        "seed": design.seed,
        "volumes": list(volumes),
        "items": items,
        "key_sha256": salted_sha256(salt, volumes, items),
    }


def finish(fields: Mapping[str, Any], pages: Mapping[int, str]) -> StudyKey:
    """Return the key with the digests of the pages, by reader."""
    readers = [
        ReaderPage(reader=reader, page_sha256=pages[reader], items=items)
        for reader, items in fields["items"].items()
    ]
    rest = {name: value for name, value in fields.items() if name != "items"}
    return StudyKey(readers=readers, **rest)


def read(folder: Path) -> StudyKey:
    """Read the key of a study, and check it against its digest.

    Raises:
        UsageError: the folder holds no key.
        CorruptData: the file is no key.
        CheckFailed: the answers were changed after the pages were made.
    """
    path = folder / FILE
    if not path.is_file():
        raise UsageError(f"reader-study: {path}: no key: name the folder of the study with --study")
    key = read_json(path, StudyKey, "answer key of a study")
    items = {page.reader: page.items for page in key.readers}
    if salted_sha256(key.salt, key.volumes, items) != key.key_sha256:
        raise CheckFailed(f"reader-study: {path}: the answers were changed after the pages")
    if any(item.volume >= len(key.volumes) for page in key.readers for item in page.items):
        raise CheckFailed(f"reader-study: {path}: an item names a volume that is not in the key")
    return key
