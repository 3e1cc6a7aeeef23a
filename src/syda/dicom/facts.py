"""What the rules of the cohort need to know about an acquisition, and nothing that names a person.

The facts stay on this machine: with the result of a series in ``.work``. So a changed rule needs no
pixel again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from syda.dicom import header, identity, reformat
from syda.dicom.attributes import body_part
from syda.dicom.contrast import contrast
from syda.dicom.plane import CTSlice
from syda.dicom.stack import Stack

_MODALITY = re.compile(r"[A-Z]{2,6}")
_TIME = re.compile(r"(\d\d)(\d\d)(\d\d(\.\d{1,6})?)")


@dataclass(frozen=True)
class CohortFacts:
    """Facts of an acquisition. What was not read, measured or stated is None or empty.

    Attributes:
        case: case id.
        patient: pseudonym.
        slices: number of slices, copies included where the acquisitions were not separated.
        separated: whether its series holds several acquisitions.
        modality: Modality.
        body_part: term of Body Part Examined.
        contrast: whether the header states contrast agent.
        derived: whether Image Type says so.
        named_reformat: whether Image Type or description name a reformat or projection.
        burned_in: Burned In Annotation, YES if any slice says so.
        recognizable: Recognizable Visual Features, likewise.
        synthetic: Synthetic Data, YES or NO if every slice says so, ``in part`` if some say YES.
        irradiation: keyed hash of the Irradiation Event UID.
        acquisition_key: keyed hash of patient, study, frame of reference and Acquisition Number.
        spacing_mm: distance of the slices.
        length_mm: length along the slice normal, from face to face.
        oblique_degrees: by :func:`syda.dicom.reformat.oblique_degrees`.
        extent_mm: first and last face along the normal.
        times_s: Acquisition Time of the first and the last slice, seconds of the day, ascending.
        enhanced_share: by :func:`syda.dicom.enhancement.enhanced_share`.
        cross_section_mm2: by :func:`syda.dicom.cross_section.cross_section_mm2`.
        fingerprint: by :func:`syda.dicom.copies.fingerprint`.
    """

    case: str
    patient: str
    slices: int
    separated: bool = False
    modality: str = ""
    body_part: str | None = None
    contrast: bool | None = None
    derived: bool = False
    named_reformat: bool = False
    burned_in: str = ""
    recognizable: str = ""
    synthetic: str = ""
    irradiation: str = ""
    acquisition_key: str = ""
    spacing_mm: float | None = None
    length_mm: float | None = None
    oblique_degrees: float | None = None
    extent_mm: Sequence[float] = ()
    times_s: Sequence[float] = ()
    enhanced_share: float | None = None
    cross_section_mm2: float | None = None
    fingerprint: str = ""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "CohortFacts":
        """Return the facts that JSON held."""
        several = {name: tuple(content[name]) for name in ("extent_mm", "times_s")}
        return cls(**{**content, **several})

    def with_geometry(self, stack: Stack) -> "CohortFacts":
        """Return the facts with those of the ordered slices."""
        low = float(stack.origin @ stack.plane.normal)
        ends = (_seconds(stack.slices[0]), _seconds(stack.slices[-1]))
        return replace(
            self,
            spacing_mm=stack.step,
            length_mm=stack.length,
            oblique_degrees=reformat.oblique_degrees(stack),
            extent_mm=(low - stack.step / 2, low + stack.length - stack.step / 2),
            times_s=tuple(sorted(one for one in ends if one is not None)),
        )


def of_header(
    slices: Sequence[CTSlice], key: bytes, patient_id: str, name: str, *, separated: bool
) -> CohortFacts:
    """Read the facts that the header states.

    Args:
        slices: slices of the acquisition, in any order.
        key: key of the pseudonyms.
        patient_id: what identifies the patient.
        name: what identifies the acquisition.
        separated: whether its series holds several acquisitions.
    """
    first = slices[0].header
    modality = header.text(first, "Modality")
    event = header.text(first, "IrradiationEventUID")
    number = header.text(first, "AcquisitionNumber")
    frame = [header.text(first, k) for k in ("StudyInstanceUID", "FrameOfReferenceUID")]
    return CohortFacts(
        case=identity.case_id(key, patient_id, name),
        patient=identity.patient_pseudonym(key, patient_id),
        slices=len(slices),
        separated=separated,
        modality=modality if _MODALITY.fullmatch(modality) else "",
        body_part=body_part(first),
        contrast=contrast(first),
        derived=reformat.is_derived(first),
        named_reformat=reformat.names_reformat(first),
        burned_in=_yes_or_no(slices, "BurnedInAnnotation"),
        recognizable=_yes_or_no(slices, "RecognizableVisualFeatures"),
        synthetic=_of_every_slice(slices, "SyntheticData"),
        irradiation=identity.scan_pseudonym(key, event) if event else "",
        acquisition_key=identity.scan_pseudonym(key, "\0".join([patient_id, *frame, number]))
        if number and frame[1]
        else "",
    )


def _of_every_slice(slices: Sequence[CTSlice], keyword: str) -> str:
    """Return YES or NO if every slice says so, ``in part`` if some say YES, else an empty text."""
    stated = {header.text(one.header, keyword).strip().upper() for one in slices}
    if stated in ({"YES"}, {"NO"}):
        return stated.pop()
    return "in part" if "YES" in stated else ""


def _yes_or_no(slices: Sequence[CTSlice], keyword: str) -> str:
    """Return YES if any slice says so, NO if all say so, otherwise an empty text."""
    stated = {header.text(one.header, keyword).strip().upper() for one in slices}
    return "YES" if "YES" in stated else "NO" if stated == {"NO"} else ""


def _seconds(one: CTSlice) -> float | None:
    """Return Acquisition Time (PS3.5 6.2, VR TM), or that of Acquisition Date Time."""
    text = header.text(one.header, "AcquisitionTime").strip()
    match = _TIME.fullmatch(text or header.text(one.header, "AcquisitionDateTime")[8:21].strip())
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else None
