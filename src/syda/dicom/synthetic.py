"""Attributes of the DICOM series of a synthetic volume, which mark it as synthetic.

Synthetic Data (0008,001C) is YES and Contributing Equipment has purpose 109100 (SOP Common Module,
PS3.3 C.12.1). Each volume has an artificial patient and a study. The description starts with
SYNTHETIC and ends with NOT FOR DIAGNOSIS. No free text comes from a real instance: sex and body
part are defined terms. The tube voltage is empty, and no time is read from the clock.
"""

from typing import Literal, cast

from syda.dicom.description import (
    BODY_PARTS,
    AcquisitionParameters,
    Equipment,
    Patient,
    SeriesDescription,
    Storage,
    Study,
    SynthesizingEquipment,
)
from syda.runtime.digest import sha256_of

DATE = "20000101"
"""Date of every synthetic study, YYYYMMDD."""

_MAKER = "SYDA"
_MODEL = "Style-based generator of CT"
_STORAGE = Storage(intercept=-1024, signed=False, bits=12)
"""Stores -1024 to 3071 HU."""
_LONG_STRING, _PERSON_NAME, _SHORT_TEXT = 64, 64, 1024
"""Largest length of LO, of a component group of PN, and of ST (PS3.5 6.2)."""
_SEXES = ("F", "M", "O", "")


def describe(
    *,
    name: str,
    weights_sha256: str,
    derivation: str,
    thickness_mm: float,
    content: str = "CT",
    sex: str = "",
    body_part: str | None = None,
) -> SeriesDescription:
    """Describe the series of a synthetic volume.

    Args:
        name: name of the volume, e.g. ``seed 7``. With ``weights_sha256`` it decides every UID.
            Patient's Name contains it, cut to fit.
        weights_sha256: hexadecimal digest of the weights of the generator.
        derivation: a sentence about how the volume was made.
        thickness_mm: slice thickness.
        content: middle of Series Description. The body part follows, and both are cut to fit (36
            characters).
        sex: requested sex F, M, O, or empty.
        body_part: a defined term, or None if unknown. Body Part Examined is then left out.

    Raises:
        ValueError: the default character repertoire or the VR does not allow a text, or sex or body
            part is another one.
    """
    for text in (name, content, derivation):
        _check(text)
    if sex not in _SEXES:
        raise ValueError(f"sex {sex!r}, must be one of {', '.join(map(repr, _SEXES))}")
    if body_part is not None and body_part not in BODY_PARTS:
        raise ValueError(f"body_part {body_part!r}, must be a term of PS3.16 Annex L")
    seed = f"syda synthetic/{weights_sha256}/{name}"
    label = sha256_of(seed)[:12].upper()
    equipment = Equipment(_MAKER, _MODEL, f"weights {weights_sha256[:16]}")
    return SeriesDescription(
        seed="ct",
        number=1,
        description=_marked(content, body_part),
        image_type=("DERIVED", "SECONDARY", "AXIAL"),
        patient=Patient(
            name=f"SYNTHETIC^{name.upper()}"[:_PERSON_NAME].rstrip(),
            identifier=f"SYNTHETIC-{label}",
            sex=cast(Literal["F", "M", "O", ""], sex),
        ),
        study=Study(
            seed=seed,
            identifier=f"SYN-{label}",
            description=_marked("CT", body_part),
            date=DATE,
        ),
        equipment=equipment,
        acquisition=AcquisitionParameters("HFS", thickness_mm, body_part=body_part),
        storage=_STORAGE,
        synthesized_by=SynthesizingEquipment(
            equipment,
            derivation=derivation,
            contribution=f"Synthesized by the generator whose weights have sha256 {weights_sha256}",
        ),
    )


def _marked(content: str, body_part: str | None) -> str:
    """Return a text of LO between the two marks, which are never cut off."""
    content = f"{content} {body_part or ''}"
    before, after = "SYNTHETIC ", " NOT FOR DIAGNOSIS"
    return before + content[: _LONG_STRING - len(before + after)].strip() + after


def _check(text: str) -> None:
    """Check for printable ASCII without separators of values and names (PS3.5 6.1.2, 6.2)."""
    if not (text.isascii() and text.isprintable()) or any(c in text for c in "\\^="):
        raise ValueError(f"{text!r}: must be printable ASCII without \\, ^ and =")
    if not 0 < len(text) <= _SHORT_TEXT:
        raise ValueError(f"{len(text)} characters, must be 1 to {_SHORT_TEXT}")
