"""Selection of the cohort: which sound series are converted, by rules and by findings."""

from pydicom.dataset import Dataset

from syda.dicom import header
from syda.dicom.attributes import body_part
from syda.dicom.config import SelectParams
from syda.dicom.contrast import contrast
from syda.dicom.reject import InputRejected, Reason


def check_header(case: str, dataset: Dataset, params: SelectParams) -> None:
    """Check a series by the reader's findings and by its header (PS3.3 C.7.3.1 Modality).

    A series that states none of ``body_parts`` does not belong to the cohort.

    Args:
        case: case id.
        dataset: header of one slice.
        params: rules of the cohort.

    Raises:
        InputRejected: the series does not belong to the cohort.
    """
    if case in params.finding_of:
        raise InputRejected(Reason(f"reader_{params.finding_of[case]}"))
    if header.text(dataset, "Modality") not in params.modalities:
        raise InputRejected(Reason.OTHER_MODALITY)
    if params.body_parts and body_part(dataset) not in params.body_parts:
        raise InputRejected(Reason.OTHER_BODY_PART)
    if params.contrast == "without" and contrast(dataset):
        raise InputRejected(Reason.CONTRAST_AGENT)


def check_geometry(spacing_mm: float, length_mm: float, params: SelectParams) -> None:
    """Check the slice spacing and the length of a series.

    Args:
        spacing_mm: distance between slices.
        length_mm: length along the slice normal, from face to face.
        params: rules of the cohort.

    Raises:
        InputRejected: the series does not belong to the cohort.
    """
    if spacing_mm > params.max_slice_spacing_mm:
        raise InputRejected(
            Reason.SLICE_DISTANCE,
            f"{spacing_mm:.2f} of at most {params.max_slice_spacing_mm:g} mm",
        )
    if not params.min_length_mm <= length_mm <= params.max_length_mm:
        raise InputRejected(
            Reason.SCAN_LENGTH,
            f"{length_mm:.0f} not in {params.min_length_mm:g} to {params.max_length_mm:g} mm",
        )
