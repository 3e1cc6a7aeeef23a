"""A user's scan, read as the pipeline reads scans: with convert's code and parameters.

A file with a suffix of NIfTI is read as NIfTI, anything else as DICOM: a folder, an archive or a
file. Messages never quote text of a header, because headers hold names.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from syda.dicom import conversion, intake
from syda.dicom.config import Acceptance, ConvertParams
from syda.dicom.outcome import Outcome
from syda.dicom.read import choose_series
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.params import CtParams, Params
from syda.types import Affine, Attribute, Volume
from syda.volume import foreign_nifti, geometry, nifti
from syda.volume.body import TISSUE_ABOVE_HU
from syda.volume.config import ResampleParams
from syda.volume.resample import to_spacing
from syda.volume.resample_file import check_size


@dataclass(frozen=True)
class Scan:
    """A resampled scan.

    Attributes:
        volume: ``[i, j, k]`` int16 HU at ``ct.spacing_mm``, RAS+.
        attributes: allow-listed attributes of a DICOM series; empty for NIfTI.
    """

    volume: Volume
    attributes: dict[str, Attribute]


def read(path: Path, series: int | None, scratch: Path, params: Params) -> Scan:
    """Read one scan and resample it.

    Args:
        path: of a folder or archive of DICOM, of a DICOM file, or of a NIfTI file in HU.
        series: Series Number to take, or None for the only series.
        scratch: an empty folder for temporary files.
        params: sections ``convert``, ``resample`` and ``ct``.

    Raises:
        CheckFailed: there is no series, or it is rejected or excluded; it would become too large.
        CorruptData: a file is not readable, or not a CT in HU; it is smaller than a voxel.
        UsageError: no such path, or several series.
    """
    convert, ct = params.section("convert", ConvertParams), params.ct
    limit = params.section("resample", ResampleParams).max_side
    if not path.exists():
        raise UsageError(f"shadow: {path}: no such file or folder")
    file, attributes = scratch / f"scan{nifti.SUFFIX}", dict[str, Attribute]()
    if path.name.lower().endswith(foreign_nifti.SUFFIXES) and not path.is_dir():
        if series is not None:
            raise UsageError("shadow: --series chooses among DICOM series: this is NIfTI")
        nifti.write(file, _from_nifti(path, convert, ct))
    else:
        with intake.names_hidden(path if path.is_dir() else path.parent, Path(path.name)):
            file, attributes = _from_dicom(path, series, scratch, convert, ct)
    check_size(file, ct.spacing_mm, limit)
    volume = to_spacing(nifti.read(file), ct.spacing_mm)
    if volume.hu.min() > TISSUE_ABOVE_HU:
        raise CorruptData("shadow: the scan holds no air: a whole CT in HU is needed")
    return Scan(volume, attributes)


def _from_nifti(path: Path, params: ConvertParams, ct: CtParams) -> Volume:
    voxels, affine = foreign_nifti.read(path)
    if not np.isfinite(voxels).all():
        raise CorruptData("shadow: voxels of the NIfTI file are NaN or infinite: give them HU")
    outside = float(((voxels < ct.hu_min) | (voxels > ct.hu_max)).mean())
    if outside > params.max_clamped_share:
        raise CorruptData(
            f"shadow: {outside:.1%} of the voxels lie outside {ct.hu_min} to {ct.hu_max} HU, more "
            "than convert.max_clamped_share: is it a CT in HU?"
        )
    hu = np.rint(np.clip(voxels, ct.hu_min, ct.hu_max)).astype(np.int16)
    volume = geometry.to_ras(hu, _at_right_angles(affine))
    shortest = min(np.multiply(volume.hu.shape, volume.spacing))
    if shortest < ct.spacing_mm:
        raise CorruptData(
            f"shadow: a side of the NIfTI file is {shortest:.3g} mm, less than a voxel of "
            f"{ct.spacing_mm:g} mm: is the unit right?"
        )
    if np.any(np.abs(volume.affine[:3, :3] / volume.spacing).argmax(axis=0) != range(3)):
        raise CorruptData(
            "shadow: no axis of the NIfTI file runs nearest to right, front or head of the "
            "patient: resample it first"
        )
    return volume


def _at_right_angles(affine: Affine) -> Affine:
    """Nearest affine with exact right angles, as a series of DICOM has them."""
    exact = affine.copy()
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(affine[:3, :3] / sizes)
    exact[:3, :3] = left @ right * sizes
    return exact


def _from_dicom(
    path: Path, series: int | None, scratch: Path, params: ConvertParams, ct: CtParams
) -> tuple[Path, dict[str, Attribute]]:
    key = secrets.token_bytes(32)  # the pseudonyms are used nowhere
    found = intake.list_files(path) if path.is_dir() else [path]
    files, rejected = intake.unpack_archives(found, scratch / "unpacked", params.archives, key)
    if rejected:
        raise CheckFailed(
            f"shadow: an archive is rejected ({_reasons(rejected)}): unpack it yourself"
        )
    uid, slices = choose_series(*intake.group_by_series(files), series)
    outcomes = conversion.convert(uid, slices, scratch, key, params, ct, Acceptance(synthetic=True))
    cases = [one for one in outcomes if one.attributes is not None]
    if not cases:
        raise CheckFailed(f"shadow: convert would reject the series ({_reasons(outcomes)})")
    if len(cases) > 1:
        raise UsageError(
            f"shadow: the series holds {len(cases)} acquisitions: give a folder with one of them"
        )
    described = json.loads((scratch / f"{cases[0].label}.json").read_text(encoding="utf-8"))
    return scratch / f"{cases[0].label}{nifti.SUFFIX}", described["attributes"]


def _reasons(outcomes: Sequence[Outcome]) -> str:
    return "; ".join(f"{o.reason}{f', {o.detail}' if o.detail else ''}" for o in outcomes)
