"""One series to its cases, each a NIfTI file in HU and a JSON file, or to a reason."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from syda.dicom import (
    acquisitions,
    attributes,
    consistency,
    copies,
    cross_section,
    enhancement,
    facts,
    identity,
    pixels,
    quantity,
    regrid,
    selection,
    series,
    stack,
    strays,
)
from syda.dicom.acquisitions import Acquisition
from syda.dicom.config import PATIENTS_SCANS, Acceptance, ConvertParams
from syda.dicom.facts import CohortFacts
from syda.dicom.outcome import Outcome
from syda.dicom.reject import (
    EXCLUSIONS,
    InputRejected,
    Irregularity,
    Reason,
    reject_on_error,
)
from syda.params import CtParams
from syda.runtime.outputs import write_json
from syda.volume import geometry, nifti


def convert(
    uid: str,
    files: Sequence[Path],
    folder: Path,
    key: bytes,
    params: ConvertParams,
    ct: CtParams,
    accepted: Acceptance = PATIENTS_SCANS,
) -> list[Outcome]:
    """Write ``<case>.nii.gz`` and ``<case>.json`` for each acquisition of a series.

    Args:
        uid: SeriesInstanceUID.
        files: files of its slices, in any order.
        folder: where the cases go.
        key: key of the pseudonyms.
        params: how series are converted.
        ct: HU bounds, and the voxel size of resampled scans.
        accepted: what else decides whether the series is converted.

    Returns:
        The outcome of each acquisition, or of the series if it cannot be separated. The rules of
        the cohort are applied that need no voxel.
    """
    few, left_out = None, 0
    try:
        with _reading():
            slices = series.read_slices(files)
            patient_id = series.patient_id(slices)
            remaining = strays.leave_out(slices, params.select.min_slices, accepted.synthetic)
            left_out = len(slices) - len(remaining)
            if 0 < len(remaining) < params.select.min_slices:
                few = facts.of_header(remaining, key, patient_id, uid, separated=bool(left_out))
            found = [
                replace(one, left_out=left_out)
                for one in acquisitions.separate(remaining, params.select.min_slices)
            ]
            facts_of = [_facts(uid, one, key, patient_id) for one in found]
    except InputRejected as error:
        return [replace(_rejected(error, key, uid, few), left_out=left_out)]
    convert_one = partial(_convert, folder=folder, params=params, ct=ct, accepted=accepted)
    first, *others = [
        convert_one(one, identity.series_pseudonym(key, _name(uid, one)), cohort_facts)
        for one, cohort_facts in zip(found, facts_of, strict=True)
    ]
    return [replace(first, left_out=left_out), *others]


def _facts(uid: str, one: Acquisition, key: bytes, patient_id: str) -> CohortFacts:
    """Return the facts of an acquisition. The fewest slices decide what is apart or left out."""
    separated = bool(one.name or one.left_out)
    return facts.of_header(one.slices, key, patient_id, _name(uid, one), separated=separated)


def _convert(
    acquisition: Acquisition,
    label: str,
    cohort_facts: CohortFacts,
    folder: Path,
    params: ConvertParams,
    ct: CtParams,
    accepted: Acceptance,
) -> Outcome:
    try:
        with _reading():
            selection.check(cohort_facts, params.select)
            found = stack.arrange(
                acquisition.slices, params.select.min_slices, params.fill_one_missing_slice
            )
            cohort_facts = cohort_facts.with_geometry(found)
            selection.check(cohort_facts, params.select)
            unusual = consistency.find_unusual_attributes(found.slices)
            planes = pixels.Planes(found.slices, ct.hu_min, ct.hu_max)
            volume = geometry.to_ras(*regrid.to_grid(planes, found))
            grid, spacing = enhancement.averaged(volume)
            quantity.check_voxels(planes.has_air, volume, grid)
            if planes.fault_share > params.max_clamped_share:
                raise InputRejected(Reason.OUT_OF_RANGE, f"{planes.fault_share:.4f} of the voxels")
            selection.check_size(volume, ct.spacing_mm, accepted.max_side)
            quantity.check_contrast(volume, grid, ct.spacing_mm)
            described = attributes.describe(
                [one.header for one in found.slices], found.step, found.length
            )
    except InputRejected as error:
        return _labelled(error, label, cohort_facts)
    case, patient = cohort_facts.case, cohort_facts.patient
    cohort_facts = replace(
        cohort_facts,
        enhanced_share=enhancement.enhanced_share(grid, spacing),
        cross_section_mm2=cross_section.cross_section_mm2(grid, spacing),
        fingerprint=copies.fingerprint(grid, spacing),
    )
    clamped_share = planes.clamped_share
    noisy = {Irregularity.NOISY_AIR} if clamped_share > params.max_clamped_share else set()
    irregularities = sorted(acquisition.irregularities | found.irregularities | noisy)
    nifti.write(folder / f"{case}{nifti.SUFFIX}", volume)
    write_json(
        folder / f"{case}.json",
        {
            "case": case,
            "patient": patient,
            "attributes": described,
            "source": {
                "shape": list(volume.hu.shape),
                "spacing_mm": [round(s, 4) for s in volume.spacing],
                "clamped_share": round(clamped_share, 6),
                "irregularities": irregularities,
                "unusual": unusual,
                "gantry_tilt_degrees": round(found.tilt_degrees, 1),
                "slices": len(found.slices),
            },
        },
    )
    return Outcome(
        case, patient, described, clamped_share, irregularities, unusual, facts=cohort_facts
    )


def _name(uid: str, acquisition: Acquisition) -> str:
    return f"{uid}/{acquisition.name}" if acquisition.name else uid


@contextmanager
def _reading() -> Iterator[None]:
    """Turn errors of libraries into a reason, and hide their warnings, which may quote a name."""
    with warnings.catch_warnings(action="ignore"), reject_on_error(Reason.DAMAGED):
        yield


def _rejected(
    error: InputRejected, key: bytes, name: str, cohort_facts: CohortFacts | None
) -> Outcome:
    return _labelled(error, identity.series_pseudonym(key, name), cohort_facts)


def _labelled(error: InputRejected, label: str, cohort_facts: CohortFacts | None) -> Outcome:
    """Label an excluded case with its case id, and a rejected series with its pseudonym."""
    if cohort_facts is not None and error.reason in EXCLUSIONS:
        return selection.excluded(cohort_facts, error)
    return Outcome(label, reason=error.reason, detail=error.detail, facts=cohort_facts)
