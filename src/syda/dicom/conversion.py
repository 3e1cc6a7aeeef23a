"""One series to its cases, each a NIfTI file in HU and a JSON file, or to a reason."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from syda.dicom import (
    acquisitions,
    attributes,
    consistency,
    cross_section,
    enhancement,
    facts,
    identity,
    pixels,
    regrid,
    selection,
    series,
    stack,
)
from syda.dicom.acquisitions import Acquisition
from syda.dicom.config import ConvertParams
from syda.dicom.facts import CohortFacts
from syda.dicom.outcome import Outcome
from syda.dicom.reject import EXCLUSIONS, InputRejected, Reason, reject_on_error
from syda.params import CtParams
from syda.runtime.outputs import write_json
from syda.volume import geometry, nifti


def convert(
    uid: str, files: Sequence[Path], folder: Path, key: bytes, params: ConvertParams, ct: CtParams
) -> list[Outcome]:
    """Write ``<case>.nii.gz`` and ``<case>.json`` for each acquisition of a series.

    Args:
        uid: SeriesInstanceUID.
        files: files of its slices, in any order.
        folder: where the cases go.
        key: key of the pseudonyms.
        params: how series are converted.
        ct: HU bounds.

    Returns:
        The outcome of each acquisition, or of the series if it cannot be separated. The rules of
        the cohort are applied that need no voxel.
    """
    few = None
    try:
        with _reading():
            slices = series.read_slices(files)
            patient_id = series.patient_id(slices)
            if 0 < len(slices) < params.select.min_slices:
                few = facts.of_header(slices, key, patient_id, uid, separated=False)
            found = [
                (
                    one,
                    facts.of_header(
                        one.slices, key, patient_id, _name(uid, one), separated=bool(one.name)
                    ),
                )
                for one in acquisitions.separate(slices, params.select.min_slices)
            ]
    except InputRejected as error:
        return [_rejected(error, key, uid, few)]
    return [
        _convert(uid, one, cohort_facts, folder, key, params, ct) for one, cohort_facts in found
    ]


def _convert(
    uid: str,
    acquisition: Acquisition,
    cohort_facts: CohortFacts,
    folder: Path,
    key: bytes,
    params: ConvertParams,
    ct: CtParams,
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
            hu, affine = regrid.to_grid(planes, found)
            clamped_share = planes.clamped_share
            if clamped_share > params.max_clamped_share:
                raise InputRejected(Reason.OUT_OF_RANGE, f"{clamped_share:.4f} of the voxels")
            volume = geometry.to_ras(hu, affine)
            described = attributes.describe(
                [one.header for one in found.slices], found.step, found.length
            )
    except InputRejected as error:
        return _rejected(error, key, _name(uid, acquisition), cohort_facts)
    case, patient = cohort_facts.case, cohort_facts.patient
    grid, spacing = enhancement.averaged(volume)
    cohort_facts = replace(
        cohort_facts,
        enhanced_share=enhancement.enhanced_share(grid, spacing),
        cross_section_mm2=cross_section.cross_section_mm2(grid, spacing),
    )
    irregularities = sorted(acquisition.irregularities | found.irregularities)
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
    """Label an excluded case with its case id, and a rejected series with its pseudonym."""
    if cohort_facts is not None and error.reason in EXCLUSIONS:
        return selection.excluded(cohort_facts, error)
    label = identity.series_pseudonym(key, name)
    return Outcome(label, reason=error.reason, detail=error.detail, facts=cohort_facts)
