"""Selection of the cohort: which sound series are converted, by rules and by findings."""

from syda.dicom import enhancement
from syda.dicom.config import SelectParams
from syda.dicom.facts import CohortFacts
from syda.dicom.outcome import Outcome
from syda.dicom.reformat import MAX_OBLIQUE_DEGREES
from syda.dicom.reject import InputRejected, Reason
from syda.types import Volume
from syda.volume import resample


def check(facts: CohortFacts, params: SelectParams) -> None:
    """Check an acquisition by all rules that its facts can decide so far.

    A series that states none of ``body_parts`` does not belong to the cohort.

    Raises:
        InputRejected: it does not belong to the cohort.
    """
    _check_header(facts, params)
    _check_geometry(facts, params)
    if params.voxel_contrast == "exclude" and contrast_differs(facts, params):
        raise InputRejected(Reason.CONTRAST_DIFFERS, f"{facts.enhanced_share or 0:.2f} enhanced")


def contrast_differs(facts: CohortFacts, params: SelectParams) -> bool:
    """Return whether the voxels show otherwise than the header, or than ``contrast`` demands.

    A header that states nothing differs only where contrast agent is shown and excluded.
    """
    shown = enhancement.is_enhanced(facts.enhanced_share)
    stated = False if facts.contrast is None and params.contrast == "without" else facts.contrast
    if shown is None or stated is None:
        return False
    return shown is not stated


def judged(outcome: Outcome, params: SelectParams) -> Outcome | None:
    """Apply the rules to the outcome of an earlier run, which may have had others.

    Returns:
        The outcome by these rules, or None if only a conversion can tell.
    """
    facts = outcome.facts
    if facts is None:
        return outcome
    try:
        check(facts, params)
    except InputRejected as error:
        return excluded(facts, error)
    decided = not outcome.excluded or outcome.reason is Reason.TOO_LARGE
    return outcome if decided else None


def excluded(facts: CohortFacts, error: InputRejected) -> Outcome:
    """Return the outcome of a sound acquisition that a rule excludes."""
    detail = error.detail
    return Outcome(facts.case, facts.patient, reason=error.reason, detail=detail, facts=facts)


def _check_header(facts: CohortFacts, params: SelectParams) -> None:
    """Check by the reader's findings and by the header (PS3.3 C.7.3.1, C.7.6.1)."""
    if facts.slices < params.min_slices:
        raise InputRejected(
            Reason.TOO_FEW_SLICES, f"{facts.slices} of at least {params.min_slices}"
        )
    if facts.case in params.finding_of:
        raise InputRejected(Reason(f"reader_{params.finding_of[facts.case]}"))
    if facts.burned_in == "YES":
        raise InputRejected(Reason.BURNED_IN_ANNOTATION)
    if facts.recognizable == "YES":
        raise InputRejected(Reason.RECOGNIZABLE_FEATURES)
    if facts.modality not in params.modalities:
        raise InputRejected(Reason.OTHER_MODALITY)
    if params.body_parts and facts.body_part not in params.body_parts:
        raise InputRejected(Reason.OTHER_BODY_PART)
    if params.contrast == "without" and facts.contrast:
        raise InputRejected(Reason.CONTRAST_AGENT)
    if params.derived == "without" and facts.derived:
        raise InputRejected(Reason.DERIVED)
    if params.reformats == "without" and facts.named_reformat:
        raise InputRejected(Reason.REFORMAT)


def _check_geometry(facts: CohortFacts, params: SelectParams) -> None:
    """Check the plane, the distance and the length of ordered slices."""
    if facts.spacing_mm is None or facts.length_mm is None or facts.oblique_degrees is None:
        return
    if params.reformats == "without" and facts.oblique_degrees > MAX_OBLIQUE_DEGREES:
        raise InputRejected(Reason.REFORMAT, f"{facts.oblique_degrees:.0f} degrees")
    if facts.spacing_mm > params.max_slice_spacing_mm:
        raise InputRejected(
            Reason.SLICE_DISTANCE,
            f"{facts.spacing_mm:.2f} of at most {params.max_slice_spacing_mm:g} mm",
        )
    if not params.min_length_mm <= facts.length_mm <= params.max_length_mm:
        raise InputRejected(
            Reason.SCAN_LENGTH,
            f"{facts.length_mm:.0f} not in {params.min_length_mm:g} to {params.max_length_mm:g} mm",
        )


def check_size(volume: Volume, spacing_mm: float, max_side: int | None) -> None:
    """Check that a volume does not become too large for the stage ``resample``.

    Args:
        volume: in HU.
        spacing_mm: voxel size of resampled scans.
        max_side: longest side of a resampled scan, voxels, or None for any.

    Raises:
        InputRejected: a side would be longer. That stage would stop for the whole cohort.
    """
    new = max(axis.count for axis in resample.axes(volume.hu.shape, volume.spacing, spacing_mm))
    if max_side is not None and new > max_side:
        raise InputRejected(Reason.TOO_LARGE, f"{new} of at most {max_side} voxels")
