"""A user's scan, read as the pipeline reads scans: with convert's code and parameters.

DICOM is a folder, an archive or a file. Anything else is read as NIfTI. Messages never quote a
header, because headers hold names.
"""

import json
import math
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
from syda.types import Attribute, Volume
from syda.volume import geometry, nifti
from syda.volume.body import TISSUE_ABOVE_HU
from syda.volume.config import ResampleParams
from syda.volume.resample import to_spacing
from syda.volume.resample_file import check_size

_NIFTI = (".nii", ".nii.gz")
_RIGHT_ANGLE = 1e-4
"""Largest cosine between two axes of a NIfTI file that counts as a right angle."""


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
        CorruptData: a file is not readable, or not a CT in HU.
        UsageError: no such path, or several series.
    """
    convert, ct = params.section("convert", ConvertParams), params.ct
    limit = params.section("resample", ResampleParams).max_side
    if not path.exists():
        raise UsageError(f"shadow: {path}: no such file or folder")
    file, attributes = scratch / f"scan{nifti.SUFFIX}", dict[str, Attribute]()
    if path.is_file() and path.name.lower().endswith(_NIFTI):
        if series is not None:
            raise UsageError("shadow: --series chooses among DICOM series: this is NIfTI")
        nifti.write(file, _from_nifti(path, limit, convert, ct))
    else:
        with intake.names_hidden(path if path.is_dir() else path.parent, Path(path.name)):
            file, attributes = _from_dicom(path, series, scratch, convert, ct)
    check_size(file, ct.spacing_mm, limit)
    volume = to_spacing(nifti.read(file), ct.spacing_mm)
    if volume.hu.min() > TISSUE_ABOVE_HU:
        raise CorruptData("shadow: the scan holds no air: a whole CT in HU is needed")
    return Scan(volume, attributes)


def _from_nifti(path: Path, limit: int, params: ConvertParams, ct: CtParams) -> Volume:
    shape, spacing = nifti.read_header(path)
    if math.prod(shape) > limit**3 or not all(0 < mm < math.inf for mm in spacing):
        raise CorruptData(
            f"shadow: the NIfTI file claims {' x '.join(map(str, shape))} voxels of "
            f"{' x '.join(f'{mm:g}' for mm in spacing)} mm: export it again"
        )
    try:
        voxels, affine = nifti.read_any(path)
    except CorruptData as error:
        raise CorruptData("shadow: the NIfTI file cannot be read: export it again") from error
    voxels = np.squeeze(voxels)
    if voxels.ndim != 3 or voxels.dtype.kind not in "iuf" or not np.isfinite(voxels).all():
        raise CorruptData(
            f"shadow: the NIfTI file holds {voxels.ndim}-D {voxels.dtype}: one volume of finite HU "
            "is needed"
        )
    directions = affine[:3, :3] / np.array(spacing)
    cosines = directions.T @ directions - np.eye(3)
    if not np.abs(cosines).max() <= _RIGHT_ANGLE:
        raise CorruptData("shadow: the axes of the NIfTI file are sheared: resample it first")
    outside = float(((voxels < ct.hu_min) | (voxels > ct.hu_max)).mean())
    if outside > params.max_clamped_share:
        raise CorruptData(
            f"shadow: {outside:.1%} of the voxels lie outside {ct.hu_min} to {ct.hu_max} HU, more "
            "than convert.max_clamped_share: is it a CT in HU?"
        )
    hu = np.rint(np.clip(voxels, ct.hu_min, ct.hu_max)).astype(np.int16)
    return geometry.to_ras(hu, affine)


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
        raise CheckFailed(f"shadow: convert would set the series aside ({_reasons(outcomes)})")
    if len(cases) > 1:
        raise UsageError(
            f"shadow: the series holds {len(cases)} acquisitions: give a folder with one of them"
        )
    described = json.loads((scratch / f"{cases[0].label}.json").read_text(encoding="utf-8"))
    return scratch / f"{cases[0].label}{nifti.SUFFIX}", described["attributes"]


def _reasons(outcomes: Sequence[Outcome]) -> str:
    return "; ".join(f"{o.reason}{f', {o.detail}' if o.detail else ''}" for o in outcomes)
