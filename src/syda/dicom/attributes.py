"""The allow-list: the only attributes of a header that leave ``convert``.

Text must be a defined term, and a number must be plausible for its tag. Free text in a header
therefore never passes: an unknown manufacturer becomes ``other``, an unknown kernel or body part
None, and so does a date in the tag of a voltage.
"""

import re
from collections.abc import Sequence
from datetime import date

import numpy as np
from pydicom.dataset import Dataset

from syda.dicom import header
from syda.dicom.contrast import contrast
from syda.dicom.description import BODY_PARTS
from syda.types import Attribute

AGE_BAND_YEARS = 5
OLDEST_BAND = 90
"""Ages from here on share one band, because few people are older."""

MANUFACTURERS = (
    "Canon",
    "GE",
    "Hitachi",
    "Neusoft",
    "Philips",
    "Siemens",
    "SYDA",
    "Toshiba",
    "UIH",
)
POSITIONS = frozenset({"HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL"})
"""Terms of PS3.3 C.7.3.1.1.2 for recumbent patients."""

_SIEMENS = (
    *("B", "C", "D", "H", "I", "J", "T", "U", "Bf", "Bl", "Bn", "Br", "Bv"),
    *("Hc", "Hn", "Hp", "Hr", "Hv", "Qr", "Sa", "Sd", "Ur"),
)
_SUFFIXES = ("", "d", "f", "h", "s", "u")
KERNELS = frozenset(
    {"STANDARD", "STND", "STD", "STD+", "SOFT", "SHARP", "DETAIL", "BONE", "BONEPLUS", "LUNG"}
    | {"CHEST", "EDGE", "ULTRA"}  # GE, with the line above
    | {f"{family}{x}" for family in ("", "Y", "E", "U", "I") for x in "ABCDEL"}  # Philips
    | {f"FC{n:02}" for n in range(1, 91)}  # Canon, Toshiba
    | {f"{family}{n}{end}" for family in _SIEMENS for n in range(10, 100) for end in _SUFFIXES}
)
"""Names of manufacturers. Convolution Kernel (0018,1210) has no defined terms."""

PLAUSIBLE = {
    "KVP": (40.0, 200.0),  # kV
    "XRayTubeCurrent": (1.0, 2000.0),  # mA
    "SliceThickness": (0.05, 50.0),  # mm
}
"""Ranges of the quantities. Other numbers could be a date or a telephone number."""


def describe(slices: Sequence[Dataset], step_mm: float, length_mm: float) -> dict[str, Attribute]:
    """Collect the allow-listed attributes of a series.

    Args:
        slices: headers in order.
        step_mm: slice distance of the volume.
        length_mm: length of the volume along the slice normal, from face to face.
    """
    first = slices[0]
    return {
        "sex": _term(first, "PatientSex", frozenset("FMO")),
        "age_band": _age_band(first),
        "kvp": _number(first, "KVP"),
        "tube_current_ma": _median(slices, "XRayTubeCurrent"),
        "kernel": _kernel(first),
        "slice_thickness_mm": _number(first, "SliceThickness"),
        "pixel_spacing_mm": round(float(first.PixelSpacing[0]), 4),
        "slice_spacing_mm": round(step_mm, 4),
        "scan_length_mm": round(length_mm, 1),
        "manufacturer": _manufacturer(first),
        "contrast": contrast(first),
        "patient_position": _term(first, "PatientPosition", POSITIONS),
        "body_part": body_part(first),
    }


def body_part(dataset: Dataset) -> str | None:
    """Return the term of Body Part Examined (0018,0015), or None for another text."""
    return _term(dataset, "BodyPartExamined", BODY_PARTS)


def _term(dataset: Dataset, keyword: str, terms: frozenset[str]) -> str | None:
    value = header.text(dataset, keyword).strip().upper()
    return value if value in terms else None


def _number(dataset: Dataset, keyword: str) -> float | None:
    try:
        number = float(header.value(dataset, keyword))
    except (TypeError, ValueError):
        return None
    low, high = PLAUSIBLE[keyword]
    return round(number, 2) if low <= number <= high else None


def _median(slices: Sequence[Dataset], keyword: str) -> float | None:
    numbers = [n for s in slices if (n := _number(s, keyword)) is not None]
    return float(np.median(numbers)) if numbers else None


def _kernel(dataset: Dataset) -> str | None:
    value = header.value(dataset, "ConvolutionKernel")
    first = value if isinstance(value, str) else (value or [""])[0]
    return str(first) if str(first) in KERNELS else None


def _manufacturer(dataset: Dataset) -> str | None:
    value = header.text(dataset, "Manufacturer").upper()
    if not value:
        return None
    words = re.split(r"[^A-Z]+", value)
    return next((name for name in MANUFACTURERS if name.upper() in words), "other")


def _age_band(dataset: Dataset) -> str | None:
    years = _age_years(dataset)
    if years is None:
        return None
    if years >= OLDEST_BAND:
        return f"{OLDEST_BAND}+"
    start = years // AGE_BAND_YEARS * AGE_BAND_YEARS
    return f"{start}-{start + AGE_BAND_YEARS - 1}"


def _age_years(dataset: Dataset) -> int | None:
    """Return the age by PatientAge (PS3.5 6.2, VR AS), or by birth date and study date."""
    match = re.fullmatch(r"(\d{3})([DWMY])", header.text(dataset, "PatientAge"))
    if match:
        per_year = {"Y": 1, "M": 12, "W": 52, "D": 365}[match[2]]
        return int(match[1]) // per_year
    born, studied = (_date(dataset, tag) for tag in ("PatientBirthDate", "StudyDate"))
    if born is None or studied is None or studied < born:
        return None
    return studied.year - born.year - ((studied.month, studied.day) < (born.month, born.day))


def _date(dataset: Dataset, keyword: str) -> date | None:
    match = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", header.text(dataset, keyword))
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None
