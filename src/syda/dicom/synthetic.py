"""What a DICOM series of a synthetic volume says: that it is one, and which weights made it.

Synthetic Data (0008,001C) and Contributing Equipment with purpose 109100 (SOP Common Module, PS3.3
C.12.1), a plainly artificial patient with a study of their own, a description that begins with
SYNTHETIC and ends with NOT FOR DIAGNOSIS. Nothing is copied from a real instance, no tube voltage
is made up, and nothing is read from the clock.
"""

import hashlib
from typing import Literal, cast

from syda.dicom.writer import (
    Acquisition,
    Equipment,
    Origin,
    Patient,
    SeriesDescription,
    Storage,
    Study,
)

DATE = "20000101"
"""Of every synthetic study, YYYYMMDD."""

_MAKER = "SYDA"
_MODEL = "Style-based generator of CT"
_STORAGE = Storage(intercept=-1024, signed=False, bits=12)
"""Holds -1024 to 3071 HU."""
_LONG_STRING, _PERSON_NAME, _SHORT_TEXT = 64, 64, 1024
"""Most characters of LO, of a component group of PN, and of ST (PS3.5 6.2)."""
_SEXES = ("F", "M", "O", "")


def describe(
    *,
    name: str,
    number: int,
    what: str,
    weights_sha256: str,
    derivation: str,
    thickness_mm: float,
    sex: str = "",
) -> SeriesDescription:
    """Describe the series of a synthetic volume.

    Args:
        name: of the object within these weights, e.g. ``seed 7``; with ``weights_sha256`` it
            decides every UID. It stands in Patient's Name, cut to what fits.
        number: Series Number.
        what: the middle of Series Description, cut to what fits (36 characters).
        weights_sha256: hexadecimal, of the generator's weights.
        derivation: in a sentence, how the volume came about.
        thickness_mm: of a slice.
        sex: that was asked for, F, M, O, or empty.

    Raises:
        ValueError: a text that the default character repertoire or the VR does not hold, or
            another sex.
    """
    for text in (name, what, derivation):
        _check(text)
    if sex not in _SEXES:
        raise ValueError(f"sex {sex!r}, must be one of {', '.join(map(repr, _SEXES))}")
    seed = f"syda synthetic/{weights_sha256}/{name}"
    label = hashlib.sha256(seed.encode()).hexdigest()[:12].upper()
    return SeriesDescription(
        seed="ct",
        number=number,
        description=_marked(what),
        image_type=("DERIVED", "SECONDARY", "AXIAL"),
        patient=Patient(
            name=f"SYNTHETIC^{name.upper()}"[:_PERSON_NAME].rstrip(),
            identifier=f"SYNTHETIC-{label}",
            sex=cast(Literal["F", "M", "O", ""], sex),
        ),
        study=Study(
            seed=seed,
            identifier=f"SYN-{label}",
            description=_marked("CT ABDOMEN"),
            date=DATE,
        ),
        equipment=Equipment(_MAKER, _MODEL, f"weights {weights_sha256[:16]}"),
        acquisition=Acquisition(position="HFS", thickness=thickness_mm),
        storage=_STORAGE,
        origin=Origin(
            manufacturer=_MAKER,
            model=_MODEL,
            software=f"weights {weights_sha256[:16]}",
            derivation=derivation,
            contribution=f"Synthesized by the generator whose weights have sha256 {weights_sha256}",
        ),
    )


def _marked(what: str) -> str:
    """Text of LO between the two marks, which no length cuts off."""
    before, after = "SYNTHETIC ", " NOT FOR DIAGNOSIS"
    return before + what[: _LONG_STRING - len(before + after)].strip() + after


def _check(text: str) -> None:
    """Printable ASCII without what separates values and parts of a name (PS3.5 6.1.2, 6.2)."""
    if not (text.isascii() and text.isprintable()) or any(c in text for c in "\\^="):
        raise ValueError(f"{text!r}: must be printable ASCII without \\, ^ and =")
    if not 0 < len(text) <= _SHORT_TEXT:
        raise ValueError(f"{len(text)} characters, must be 1 to {_SHORT_TEXT}")
