"""The cohort: which sound series are taken, by rules and by what a reader found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydicom.dataset import Dataset

from syda.dicom import header
from syda.dicom.attributes import BODY_PARTS, body_part
from syda.dicom.contrast import contrast
from syda.dicom.reject import Reason, SetAside

FINDINGS = tuple(
    reason.removeprefix("reader_") for reason in Reason if reason.startswith("reader_")
)
"""What a reader may give as the reason to exclude a case: terms, since reports tell them."""

EXCLUDED = rf"^c[0-9a-f]{{16}} ({'|'.join(FINDINGS)})$"
"""Pattern of an entry of ``convert.select.exclude``: a case id and a finding."""


@dataclass(frozen=True)
class Rules:
    """What a series must be to be taken.

    Attributes:
        modalities: values of Modality (PS3.3 C.7.3.1.1.1).
        body_parts: terms of BodyPartExamined; a series that states none of them is not taken. Any
            where empty.
        contrast: ``without`` leaves out series with a sign of contrast agent.
        min_length_mm: shortest scan, along the slice normal.
        max_length_mm: longest scan.
        max_slice_spacing_mm: largest distance between slices.
        exclude: case id to a reader's finding.
    """

    modalities: Sequence[str]
    body_parts: Sequence[str]
    contrast: Literal["any", "without"]
    min_length_mm: float
    max_length_mm: float
    max_slice_spacing_mm: float
    exclude: Mapping[str, str]

    def __post_init__(self) -> None:
        unknown = set(self.body_parts) - BODY_PARTS
        if unknown:
            raise ValueError(f"no known body part: {', '.join(sorted(unknown))}")


def check_header(case: str, dataset: Dataset, rules: Rules) -> None:
    """Hold a series against what a reader found and what its header says.

    Args:
        case: its id.
        dataset: header of one slice.
        rules: in force.

    Raises:
        SetAside: it is not of the cohort.
    """
    if case in rules.exclude:
        raise SetAside(Reason(f"reader_{rules.exclude[case]}"))
    if header.text(dataset, "Modality") not in rules.modalities:
        raise SetAside(Reason.OTHER_MODALITY)
    if rules.body_parts and body_part(dataset) not in rules.body_parts:
        raise SetAside(Reason.OTHER_BODY_PART)
    if rules.contrast == "without" and contrast(dataset):
        raise SetAside(Reason.CONTRAST_AGENT)


def check_geometry(step_mm: float, length_mm: float, rules: Rules) -> None:
    """Hold a series' extent against the rules.

    Args:
        step_mm: distance of its slices.
        length_mm: along the slice normal, from face to face.
        rules: in force.

    Raises:
        SetAside: it is not of the cohort.
    """
    if step_mm > rules.max_slice_spacing_mm:
        raise SetAside(
            Reason.SLICE_DISTANCE, f"{step_mm:.2f} of at most {rules.max_slice_spacing_mm:g} mm"
        )
    if not rules.min_length_mm <= length_mm <= rules.max_length_mm:
        raise SetAside(
            Reason.SCAN_LENGTH,
            f"{length_mm:.0f} not in {rules.min_length_mm:g} to {rules.max_length_mm:g} mm",
        )
