"""One series to its cases, a NIfTI in HU and a JSON each, or the reason why not."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from syda.dicom import (
    acquisitions,
    agreement,
    attributes,
    identity,
    pixels,
    regrid,
    selection,
    series,
    stack,
)
from syda.dicom.acquisitions import Acquisition
from syda.dicom.outcome import Outcome
from syda.dicom.reject import EXCLUSIONS, Reason, SetAside, guarded
from syda.dicom.selection import Rules
from syda.runtime.outputs import write_json
from syda.volume import geometry, nifti


@dataclass(frozen=True)
class Settings:
    """How a series is converted.

    Attributes:
        rules: the cohort's.
        min_slices: shorter acquisitions are left out.
        fill_one_missing_slice: interpolate where exactly one slice is missing.
        max_clamped_share: of measured voxels outside the bounds; above it, a case is set aside.
        hu_min: lower bound, HU.
        hu_max: upper bound, HU.
    """

    rules: Rules
    min_slices: int
    fill_one_missing_slice: bool
    max_clamped_share: float
    hu_min: int
    hu_max: int


def convert(
    uid: str, files: Sequence[Path], folder: Path, key: bytes, settings: Settings
) -> list[Outcome]:
    """Write ``<case>.nii.gz`` and ``<case>.json`` of each acquisition of a series.

    Args:
        uid: SeriesInstanceUID.
        files: its slices, any order.
        folder: where the cases go.
        key: of the pseudonyms.
        settings: what is taken, and how.

    Returns:
        What became of each acquisition, or of the series where it could not be separated.
    """
    patient_id = ""
    try:
        with _reading():
            slices = series.read_slices(files)
            patient_id = series.patient_id(slices)
            found = acquisitions.separate(slices, settings.min_slices)
    except SetAside as fault:
        return [_stopped(fault, key, patient_id, uid)]
    return [_convert(uid, one, patient_id, folder, key, settings) for one in found]


def _convert(
    uid: str,
    acquisition: Acquisition,
    patient_id: str,
    folder: Path,
    key: bytes,
    settings: Settings,
) -> Outcome:
    name = f"{uid}/{acquisition.name}" if acquisition.name else uid
    case = identity.case_id(key, patient_id, name)
    patient = identity.patient_pseudonym(key, patient_id)
    try:
        with _reading():
            selection.check_header(case, acquisition.slices[0].header, settings.rules)
            found = stack.arrange(
                acquisition.slices, settings.min_slices, settings.fill_one_missing_slice
            )
            selection.check_geometry(found.step, found.length, settings.rules)
            unusual = agreement.unusual(found.slices)
            planes = pixels.Planes(found.slices, settings.hu_min, settings.hu_max)
            hu, affine = regrid.to_grid(planes, found)
            clamped_share = planes.clamped_share
            if clamped_share > settings.max_clamped_share:
                raise SetAside(Reason.OUT_OF_RANGE, f"{clamped_share:.4f} of the voxels")
            volume = geometry.to_ras(hu, affine)
            described = attributes.describe(
                [one.header for one in found.slices], found.step, found.length
            )
    except SetAside as fault:
        return _stopped(fault, key, patient_id, name)
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
    return Outcome(case, patient, described, clamped_share, irregularities, unusual)


@contextmanager
def _reading() -> Iterator[None]:
    """Whatever a library makes of a scan's bytes is a reason; its warnings may quote a name."""
    with warnings.catch_warnings(action="ignore"), guarded(Reason.DAMAGED):
        yield


def _stopped(fault: SetAside, key: bytes, patient_id: str, name: str) -> Outcome:
    """What a rule leaves out is known by its case id, a fault by the pseudonym of its series."""
    if fault.reason in EXCLUSIONS:
        case = identity.case_id(key, patient_id, name)
        patient = identity.patient_pseudonym(key, patient_id)
        return Outcome(case, patient, reason=fault.reason, detail=fault.detail)
    label = identity.series_pseudonym(key, name)
    return Outcome(label, reason=fault.reason, detail=fault.detail)
