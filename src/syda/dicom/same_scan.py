"""Recognise several series of one scan, with other kernels or thicknesses, and choose one.

Series belong to one scan if their Irradiation Event is the same, or, where that is not stated, if
patient, study, frame of reference and Acquisition Number are the same, their times overlap where
they are stated, and so do their extents. Phases with contrast agent have other times or numbers.
Series with the same kernel and thicknesses are not taken for one scan: they may be repetitions.

Source: DICOM PS3.3 C.7.6.1 (Acquisition Number), C.12.1.1.7 (Irradiation Event UID).
"""

import re
from collections.abc import Iterable, Sequence

from syda.dicom.config import SelectParams
from syda.dicom.outcome import Outcome
from syda.dicom.reject import InputRejected, Reason
from syda.dicom.selection import excluded

MIN_OVERLAP = 0.5
"""Share of the shorter extent that both series cover."""

SHARP_KERNELS = frozenset(
    {"SHARP", "DETAIL", "BONE", "BONEPLUS", "LUNG", "EDGE", "ULTRA"}  # GE
    | {f"{family}{x}" for family in ("", "Y", "E", "U", "I") for x in "DEL"}  # Philips
    | {f"FC{n}" for n in (*range(30, 40), *range(50, 60), *range(80, 91))}  # Canon, Toshiba
)
_SIEMENS = re.compile(r"[A-Z][a-z]?(\d\d)[a-z]?")
SHARP_SIEMENS = 50
"""Number in the name of a Siemens kernel from which it is sharp."""


def choose(outcomes: Iterable[Outcome], params: SelectParams) -> list[Outcome]:
    """Take one series of each scan by ``series_of_scan``. The others are excluded.

    Args:
        outcomes: of all series of a data version.
        params: rules of the cohort.

    Returns:
        The outcomes in their order.
    """
    listed = list(outcomes)
    if params.series_of_scan == "all":
        return listed
    cases = [one for one in listed if one.facts is not None and one.attributes is not None]
    taken: dict[str, list[Outcome]] = {}
    dropped: set[str] = set()
    for one in sorted(cases, key=lambda o: _preference(o, params.series_of_scan)):
        better = taken.setdefault(one.patient, [])
        if any(_same_scan(one, other) for other in better):
            dropped.add(one.label)
        else:
            better.append(one)
    error = InputRejected(Reason.SAME_SCAN)
    return [
        excluded(one.facts, error) if one.facts is not None and one.label in dropped else one
        for one in listed
    ]


def is_sharp(kernel: str) -> bool:
    """Return whether a kernel by this name is made for bone or lung."""
    match = _SIEMENS.fullmatch(kernel)
    return int(match[1]) >= SHARP_SIEMENS if match else kernel in SHARP_KERNELS


def _preference(one: Outcome, rule: str) -> tuple[bool, float, str]:
    described = one.attributes or {}
    spacing = float(described["slice_spacing_mm"] or 0)
    kernel = str(described["kernel"] or "")
    return is_sharp(kernel), spacing if rule == "thin" else -spacing, one.label


def _same_scan(one: Outcome, other: Outcome) -> bool:
    first, second = one.facts, other.facts
    if first is None or second is None or _reconstruction(one) == _reconstruction(other):
        return False
    if not _overlap(first.extent_mm, second.extent_mm):
        return False
    if first.irradiation and second.irradiation:
        return first.irradiation == second.irradiation
    if not first.acquisition_key or first.acquisition_key != second.acquisition_key:
        return False
    if len(first.times_s) < 2 or len(second.times_s) < 2:
        return True
    return max(first.times_s[0], second.times_s[0]) <= min(first.times_s[1], second.times_s[1])


def _reconstruction(one: Outcome) -> tuple[object, ...]:
    described = one.attributes or {}
    names = ("kernel", "slice_thickness_mm", "slice_spacing_mm", "pixel_spacing_mm")
    return tuple(described[name] for name in names)


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    common = min(one[1], other[1]) - max(one[0], other[0])
    return common >= MIN_OVERLAP * min(one[1] - one[0], other[1] - other[0])
