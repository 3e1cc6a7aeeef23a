"""What became of each acquisition, and the report of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from syda import census
from syda.dicom.reject import EXCLUSIONS, Irregularity, Reason
from syda.types import Attribute


@dataclass(frozen=True)
class Outcome:
    """What became of an acquisition: a case of a patient with attributes, or a reason.

    Attributes:
        label: case id, or pseudonym of a series or archive that is set aside.
        patient: pseudonym, where it is known.
        attributes: of a converted case.
        clamped_share: of its voxels.
        irregularities: what was put right.
        unusual: what decides HU and is not as usual (:func:`syda.dicom.agreement.unusual`).
        reason: why it was not converted.
        detail: numbers to it.
    """

    label: str
    patient: str = ""
    attributes: dict[str, Attribute] | None = None
    clamped_share: float = 0.0
    irregularities: Sequence[Irregularity] = ()
    unusual: Sequence[str] = ()
    reason: Reason | None = None
    detail: str = ""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Outcome":
        """Return the outcome that :meth:`plain` made this of."""
        told = {
            "irregularities": tuple(Irregularity(name) for name in plain["irregularities"]),
            "unusual": tuple(plain["unusual"]),
            "reason": None if plain["reason"] is None else Reason(plain["reason"]),
        }
        return cls(**{**plain, **told})

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @property
    def excluded(self) -> bool:
        """Whether a rule left it out, rather than a fault."""
        return self.reason in EXCLUSIONS

    @property
    def may_pass(self) -> bool:
        """Whether the same bytes may fare better another time.

        They do where there was no memory for them, which decoders tell as some error or other.
        """
        return self.reason in (Reason.DAMAGED, Reason.UNDECODABLE_PIXELS)


def entries(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """A line for each series or archive that did not go on, sorted by pseudonym."""
    ordered = sorted(outcomes, key=lambda o: (o.label, str(o.reason)))
    return [{"id": o.label, "reason": o.reason, "detail": o.detail} for o in ordered]


def report(outcomes: Sequence[Outcome], ignored: Counter[Reason]) -> dict[str, Any]:
    """Count what became of a data version.

    Args:
        outcomes: of every series, and of every archive that was refused.
        ignored: files that are no CT slices, by reason.
    """
    cases = [o for o in outcomes if o.attributes is not None]
    left_out = [o for o in outcomes if o.excluded]
    faults = [o for o in outcomes if o.reason is not None and not o.excluded]
    described = [case.attributes or {} for case in cases]
    return {
        "converted": len(cases),
        "set_aside": entries(faults),
        "reasons": dict(Counter(o.reason for o in faults)),
        "excluded": census.series([(o.patient, str(o.reason)) for o in left_out]),
        "files_ignored": dict(ignored),
        "clamped_share_max": round(max((c.clamped_share for c in cases), default=0.0), 6),
        "irregularities": dict(Counter(i for case in cases for i in case.irregularities)),
        "unusual": dict(Counter(keyword for case in cases for keyword in case.unusual)),
        "sex": _people(cases, "sex"),
        "age_band": _people(cases, "age_band"),
        "manufacturer": dict(Counter(census.text(d["manufacturer"]) for d in described)),
        "pixel_spacing_mm": _range(described, "pixel_spacing_mm"),
        "slice_spacing_mm": _range(described, "slice_spacing_mm"),
        "scan_length_mm": _range(described, "scan_length_mm"),
    }


def _people(cases: Sequence[Outcome], name: str) -> census.Cells:
    return census.people((c.patient, census.text((c.attributes or {})[name])) for c in cases)


def _range(described: Sequence[dict[str, Attribute]], name: str) -> dict[str, float]:
    numbers = [value for d in described if isinstance(value := d[name], float)]
    return {"min": min(numbers), "max": max(numbers)} if numbers else {}
