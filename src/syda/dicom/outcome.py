"""The outcome of converting each acquisition, and the report ``reports/convert.json``."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from syda import disclosure_control
from syda.dicom.facts import CohortFacts
from syda.dicom.reject import EXCLUSIONS, Irregularity, Reason
from syda.types import Attribute


@dataclass(frozen=True)
class Outcome:
    """The outcome of an acquisition: a case with attributes, or a reason.

    Attributes:
        label: case id, or pseudonym of a series or archive that is rejected.
        patient: pseudonym of the patient, if known.
        attributes: attributes of a converted case.
        clamped_share: share of its voxels that were outside the HU bounds.
        irregularities: what was corrected.
        unusual: keywords from :func:`syda.dicom.consistency.find_unusual_attributes`.
        reason: why it was not converted.
        detail: numbers, DICOM keywords or the type of an error.
        left_out: images of the series that belong to no acquisition. The first one has the number.
        facts: what the rules of the cohort know about it. They are in no report.
    """

    label: str
    patient: str = ""
    attributes: dict[str, Attribute] | None = None
    clamped_share: float = 0.0
    irregularities: Sequence[Irregularity] = ()
    unusual: Sequence[str] = ()
    reason: Reason | None = None
    detail: str = ""
    left_out: int = 0
    facts: CohortFacts | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Outcome":
        """Return the outcome that :meth:`to_json` wrote."""
        typed = {
            "irregularities": tuple(Irregularity(name) for name in content["irregularities"]),
            "unusual": tuple(content["unusual"]),
            "reason": None if content["reason"] is None else Reason(content["reason"]),
            "facts": None if content["facts"] is None else CohortFacts.from_json(content["facts"]),
        }
        return cls(**{**content, **typed})

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)

    @property
    def excluded(self) -> bool:
        """Whether a rule of the cohort excludes it. A fault does not."""
        return self.reason in EXCLUSIONS

    @property
    def is_transient(self) -> bool:
        """Whether another run may convert the same bytes.

        Decoders report a lack of memory as errors of many types.
        """
        return self.reason in (Reason.DAMAGED, Reason.UNDECODABLE_PIXELS)


def entries(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Return an entry for each series or archive that was not converted, sorted by pseudonym."""
    ordered = sorted(outcomes, key=lambda o: (o.label, str(o.reason)))
    return [{"id": o.label, "reason": o.reason, "detail": o.detail} for o in ordered]


def report(outcomes: Sequence[Outcome], ignored: Counter[Reason]) -> dict[str, Any]:
    """Count the outcomes of a data version.

    Args:
        outcomes: outcomes of every series and of every rejected archive.
        ignored: counts of the files that are no CT slices, by reason.
    """
    cases = [o for o in outcomes if o.attributes is not None]
    excluded = [o for o in outcomes if o.excluded]
    faults = [o for o in outcomes if o.reason is not None and not o.excluded]
    return {
        "converted": len(cases),
        "rejected": entries(faults),
        "reasons": dict(Counter(o.reason for o in faults)),
        "excluded": disclosure_control.count_series([(o.patient, str(o.reason)) for o in excluded]),
        "files_ignored": dict(ignored),
        "images_left_out": sum(o.left_out for o in outcomes),
        "clamped_share_max": disclosure_control.extremes(
            (case.patient, round(case.clamped_share, 6)) for case in cases
        ).get("max", disclosure_control.SUPPRESSED),
        "irregularities": _count_each((case.patient, case.irregularities) for case in cases),
        "unusual": _count_each((case.patient, case.unusual) for case in cases),
        "sex": _count_patients(cases, "sex"),
        "age_band": _count_patients(cases, "age_band"),
        "manufacturer": _count_patients(cases, "manufacturer"),
        "pixel_spacing_mm": _range(cases, "pixel_spacing_mm"),
        "slice_spacing_mm": _range(cases, "slice_spacing_mm"),
        "scan_length_mm": _range(cases, "scan_length_mm"),
    }


def _count_patients(cases: Sequence[Outcome], name: str) -> disclosure_control.CellCounts:
    return disclosure_control.count_patients(
        (c.patient, disclosure_control.cell_name((c.attributes or {})[name])) for c in cases
    )


def _count_each(pairs: Iterable[tuple[str, Sequence[str]]]) -> disclosure_control.CellCounts:
    """Count the patients that have each name. One may have several."""
    listed = list(pairs)
    patients = {patient for patient, _ in listed}
    names = sorted({str(name) for _, several in listed for name in several})
    return {
        name: disclosure_control.count_part(
            patients, {patient for patient, several in listed if name in several}
        )
        for name in names
    }


def _range(cases: Sequence[Outcome], name: str) -> dict[str, float]:
    values = [(case.patient, (case.attributes or {})[name]) for case in cases]
    return disclosure_control.extremes((who, x) for who, x in values if isinstance(x, float))
