"""The allow-list: the only facts of a header that leave ``convert``.

Text is taken only when it is a known term and a number only where it is plausible for its tag, so
that nothing typed into a header, whatever the tag, can come through: an unknown manufacturer is
``other``, an unknown kernel or body part is None, and so is a date in the place of a voltage.
"""

import re
from collections.abc import Sequence
from datetime import date

import numpy as np
from pydicom.dataset import Dataset

from syda.dicom import header
from syda.dicom.contrast import contrast
from syda.types import Attribute

AGE_BAND_YEARS = 5
OLDEST_BAND = 90
"""Ages from here on share one band: so few people are older that the age points at one."""

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
BODY_PARTS = frozenset(
    {"ABDOMEN", "ABDOMENPELVIS", "CHEST", "CHESTABDOMEN", "CHESTABDPELVIS", "PELVIS"}
    | {"HEAD", "BRAIN", "NECK", "BREAST", "LIVER", "KIDNEY", "HEART", "LUNG", "WHOLEBODY"}
    | {"SPINE", "CSPINE", "TSPINE", "LSPINE", "SSPINE", "HIP", "SHOULDER"}
    | {"LEG", "THIGH", "KNEE", "ANKLE", "FOOT", "ARM", "ELBOW", "HAND", "EXTREMITY"}
)
"""Terms of PS3.16 Annex L for Body Part Examined."""

POSITIONS = frozenset({"HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL"})
"""PS3.3 C.7.3.1.1.2, of patients who lie."""

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
"""Convolution Kernel (0018,1210) has no defined terms: the makers' own names, closed."""

PLAUSIBLE = {
    "KVP": (40.0, 200.0),  # kV
    "XRayTubeCurrent": (1.0, 2000.0),  # mA
    "SliceThickness": (0.05, 50.0),  # mm
}
"""Ranges outside which a number is no such quantity, and could be a date or a telephone number."""


def describe(slices: Sequence[Dataset], step_mm: float, length_mm: float) -> dict[str, Attribute]:
    """Collect the allow-listed attributes of a series.

    Args:
        slices: headers, in order.
        step_mm: distance between two slices of the volume.
        length_mm: of the volume along its slices, from face to face.
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
    """Return the term of Body Part Examined (0018,0015), or None."""
    return _term(dataset, "BodyPartExamined", BODY_PARTS)


def _term(dataset: Dataset, keyword: str, known: frozenset[str]) -> str | None:
    value = header.text(dataset, keyword).strip().upper()
    return value if value in known else None


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
    """PatientAge (PS3.5 6.2, VR AS), or birth date to study date."""
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
