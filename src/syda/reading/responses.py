"""The export of a reader's page: no name, and only what the page asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from syda.errors import CheckFailed
from syda.reading.design import VolumeKind
from syda.reading.key import Hex64, StudyKey
from syda.reading.strict_model import StrictModel, read_json

Role = Literal["radiologist", "radiologist in training", "radiographer", "physicist", "other"]

ROLES: tuple[Role, ...] = (
    "radiologist",
    "radiologist in training",
    "radiographer",
    "physicist",
    "other",
)

OrganRating = Literal["plausible", "odd", "wrong"]

ORGAN_RATINGS: tuple[OrganRating, ...] = ("plausible", "odd", "wrong")

ORGANS = ("liver", "kidneys", "spine", "bowel gas", "fat")

LEVELS = 5
"""Levels of confidence, and of realism."""


class OrganRatings(StrictModel):
    """Rating of each of :data:`ORGANS`."""

    liver: OrganRating
    kidneys: OrganRating
    spine: OrganRating
    bowel_gas: OrganRating = Field(alias="bowel gas")
    fat: OrganRating


class ItemResponse(StrictModel):
    """What a reader said about one item.

    ``confidence`` is 1 (a guess) to 5 (certain), ``realism`` 1 (not at all) to 5 (fully).
    """

    code: str
    decision: VolumeKind
    confidence: int = Field(ge=1, le=LEVELS)
    organs: OrganRatings
    realism: int = Field(ge=1, le=LEVELS)
    comment: str = Field(max_length=2000)
    seconds: float = Field(ge=0)

    @property
    def score(self) -> int:
        """Rating of "synthetic": -5 is certainly real, 5 certainly synthetic; 0 does not occur."""
        return self.confidence if self.decision == "synthetic" else -self.confidence


class ReaderResponse(StrictModel):
    """The file that a reader hands in."""

    format: Literal[1]
    key_sha256: str = Hex64
    page_sha256: str = Hex64
    reader: int = Field(ge=1)
    role: Role
    years: int = Field(ge=0, le=80)
    items: list[ItemResponse]


@dataclass(frozen=True)
class ItemReading:
    """A response to one item, with the answer.

    Attributes:
        volume: its number in the study.
        kind: what the volume is.
        repeat: the reader had seen it before.
        response: what the reader said.
    """

    volume: int
    kind: VolumeKind
    repeat: bool
    response: ItemResponse


@dataclass(frozen=True)
class ReaderReadings:
    """All readings of one reader, in the order of the page."""

    reader: int
    role: Role
    years: int
    readings: tuple[ItemReading, ...]

    def first(self) -> dict[int, ItemReading]:
        """The first reading of each volume, by its number."""
        return {one.volume: one for one in self.readings if not one.repeat}

    def repeated(self) -> list[tuple[ItemReading, ItemReading]]:
        """The first and the second reading of each repeated volume."""
        first = self.first()
        return [(first[one.volume], one) for one in self.readings if one.repeat]


def read(files: Sequence[Path], key: StudyKey) -> list[ReaderReadings]:
    """Read the files of the readers, and hold them against the key.

    Raises:
        CorruptData: a file is no response.
        CheckFailed: a file is of another study or of a changed page, its items are not those of
            the reader's page, or two files are of one reader.
    """
    found: dict[int, ReaderReadings] = {}
    for file in files:
        response = read_json(file, ReaderResponse, "response of a reader")
        readings = unblind(response, key, file.name)
        if readings.reader in found:
            raise CheckFailed(
                f"{file.name}: a second file of reader {readings.reader}: give one a reader"
            )
        found[readings.reader] = readings
    return [found[reader] for reader in sorted(found)]


def unblind(response: ReaderResponse, key: StudyKey, name: str) -> ReaderReadings:
    """Join a response with the answers.

    Args:
        response: of a reader.
        key: of the study.
        name: of the file, for errors.

    Raises:
        CheckFailed: the response is not of an unchanged page of this study.
    """
    if response.key_sha256 != key.key_sha256:
        raise CheckFailed(f"{name}: of another study: its page has another key_sha256")
    page = key.page(response.reader)
    if response.page_sha256 != page.page_sha256:
        raise CheckFailed(f"{name}: the page of reader {page.reader} was changed: give it out anew")
    if [item.code for item in response.items] != [item.code for item in page.items]:
        raise CheckFailed(f"{name}: its items are not those of the page of reader {page.reader}")
    return ReaderReadings(
        page.reader,
        response.role,
        response.years,
        tuple(
            ItemReading(item.volume, key.volumes[item.volume].kind, item.repeat, given)
            for item, given in zip(page.items, response.items, strict=True)
        ),
    )
