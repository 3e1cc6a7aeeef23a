"""Exclude copies: cases with the voxels of another case, under another UID or another patient.

A scan that is in an archive twice would be counted twice, and the stage ``validate`` would stop for
the whole cohort. One of the copies is taken. Within a series, :mod:`syda.dicom.acquisitions` drops
copies of slices.
"""

from collections.abc import Sequence

from syda.dicom.enhancement import Averaged
from syda.dicom.outcome import Outcome
from syda.dicom.reject import InputRejected, Reason
from syda.dicom.selection import excluded
from syda.runtime.digest import sha256_of


def fingerprint(grid: Averaged, spacing: Sequence[float]) -> str:
    """Return a digest that only copies share.

    Args:
        grid: HU of :func:`syda.dicom.enhancement.averaged`.
        spacing: of its voxels, mm. It counts to two decimals, as some headers give it.
    """
    described = f"{grid.shape} {[round(side, 2) for side in spacing]}"
    return sha256_of(described.encode() + grid.tobytes())


def exclude(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Exclude all but one of the cases with the same voxels: the one whose id sorts first.

    Args:
        outcomes: of all series of a data version.

    Returns:
        The outcomes in their order.
    """
    taken: dict[str, Outcome] = {}
    copies: dict[str, Outcome] = {}
    for one in sorted(outcomes, key=lambda o: o.label):
        if one.facts is None or one.attributes is None:
            continue
        first = taken.setdefault(one.facts.fingerprint, one)
        if first is not one:
            detail = "" if first.patient == one.patient else "of another patient"
            copies[one.label] = excluded(one.facts, InputRejected(Reason.SAME_VOXELS, detail))
    return [copies.get(one.label, one) for one in outcomes]
