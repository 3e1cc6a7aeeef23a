"""A scan of the user's, brought in as the pipeline brings scans in: by convert's code and params.

DICOM comes as a folder, an archive or a file, and one series of it is taken; anything else is read
as NIfTI. Messages quote nothing of a header, which holds names.
"""

import json
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from nibabel.filebasedimages import ImageFileError

from syda.dicom import conversion, header, intake
from syda.dicom.outcome import Outcome
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.params import CtParams, Params
from syda.stages import convert, resample
from syda.types import Attribute, Volume
from syda.volume import geometry, nifti
from syda.volume.body import TISSUE_ABOVE_HU
from syda.volume.resample import to_spacing

_NIFTI = (".nii", ".nii.gz")
_LISTED = 6
"""Series that a message lists."""
_RIGHT_ANGLE = 1e-4
"""Largest cosine between two axes of a NIfTI file that counts as a right angle."""


@dataclass(frozen=True)
class Scan:
    """A scan as the records hold one.

    Attributes:
        volume: ``[i, j, k]`` int16 HU at ``ct.spacing_mm``, RAS+.
        attributes: allow-listed facts of a DICOM series; empty for NIfTI.
    """

    volume: Volume
    attributes: dict[str, Attribute]


def read(path: Path, series: int | None, scratch: Path, params: Params) -> Scan:
    """Read one scan and resample it.

    Args:
        path: of a folder or archive of DICOM, of a DICOM file, or of a NIfTI file in HU.
        series: Series Number to take, where there are several.
        scratch: an empty folder for what is unpacked and converted.
        params: sections ``convert``, ``resample`` and ``ct``.

    Raises:
        CheckFailed: there is no series, or it is set aside; it would become too large.
        CorruptData: a file is not readable, or not a CT in HU.
        UsageError: nothing is there, or there are several series.
    """
    own, ct = params.section("convert", convert.Params), params.ct
    limit = params.section("resample", resample.Params).max_side
    if not path.exists():
        raise UsageError(f"shadow: {path}: no such file or folder")
    file, attributes = scratch / f"scan{nifti.SUFFIX}", dict[str, Attribute]()
    if path.is_file() and path.name.lower().endswith(_NIFTI):
        if series is not None:
            raise UsageError("shadow: --series chooses among DICOM series: this is NIfTI")
        nifti.write(file, _from_nifti(path, limit, own, ct))
    else:
        with intake.unnamed(path if path.is_dir() else path.parent, Path(path.name)):
            file, attributes = _from_dicom(path, series, scratch, own, ct)
    resample.check_size(file, ct.spacing_mm, limit)
    volume = to_spacing(nifti.read(file), ct.spacing_mm)
    if volume.hu.min() > TISSUE_ABOVE_HU:
        raise CorruptData("shadow: the scan holds no air: a whole CT in HU is needed")
    return Scan(volume, attributes)


def _from_nifti(path: Path, limit: int, own: convert.Params, ct: CtParams) -> Volume:
    shape, spacing = nifti.read_header(path)
    if math.prod(shape) > limit**3 or not all(0 < mm < math.inf for mm in spacing):
        raise CorruptData(
            f"shadow: the NIfTI file claims {' x '.join(map(str, shape))} voxels of "
            f"{' x '.join(f'{mm:g}' for mm in spacing)} mm: export it again"
        )
    try:
        image = nib.load(path)
        voxels = np.squeeze(np.asarray(image.dataobj))
        affine = np.asarray(image.affine, dtype=np.float64)
    except (ImageFileError, EOFError, OSError, ValueError, MemoryError) as error:
        raise CorruptData(
            f"shadow: the NIfTI file cannot be read ({type(error).__name__}): export it again"
        ) from error
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
    if outside > own.max_clamped_share:
        raise CorruptData(
            f"shadow: {outside:.1%} of the voxels lie outside {ct.hu_min} to {ct.hu_max} HU, more "
            "than convert.max_clamped_share: is it a CT in HU?"
        )
    hu = np.rint(np.clip(voxels, ct.hu_min, ct.hu_max)).astype(np.int16)
    return geometry.to_ras(hu, affine)


def _from_dicom(
    path: Path, series: int | None, scratch: Path, own: convert.Params, ct: CtParams
) -> tuple[Path, dict[str, Attribute]]:
    key = secrets.token_bytes(32)  # of pseudonyms that nobody sees
    found = intake.files(path) if path.is_dir() else [path]
    whole, refused = convert.opened(found, scratch / "unpacked", own.archives.limits(), key)
    if refused:
        raise CheckFailed(f"shadow: an archive is not read ({_why(refused)}): unpack it yourself")
    groups, ignored = convert.group(whole)
    if series is not None:
        groups = {uid: files for uid, files in groups.items() if _number(files) == str(series)}
    if not groups:
        of = "no CT series" if series is None else f"no CT series of number {series}"
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(ignored.items()))
        raise CheckFailed(f"shadow: {of} in the scan ({reasons or 'no file'}): name a CT")
    if len(groups) > 1:
        told = sorted((_number(files) or "none", len(files)) for files in groups.values())
        listed = ", ".join(f"{number} ({count} files)" for number, count in told[:_LISTED])
        listed += f" and {len(told) - _LISTED} more" if len(told) > _LISTED else ""
        raise UsageError(
            f"shadow: {len(groups)} CT series in the scan, by Series Number: {listed}: choose one "
            "with --series, or give a folder with one alone"
        )
    ((uid, files),) = groups.items()
    outcomes = conversion.convert(uid, files, scratch, key, own.settings(ct))
    cases = [one for one in outcomes if one.attributes is not None]
    if not cases:
        raise CheckFailed(f"shadow: the series is set aside ({_why(outcomes)}), as convert does")
    if len(cases) > 1:
        raise UsageError(
            f"shadow: the series holds {len(cases)} acquisitions: give a folder with one alone"
        )
    facts = json.loads((scratch / f"{cases[0].label}.json").read_text(encoding="utf-8"))
    return scratch / f"{cases[0].label}{nifti.SUFFIX}", facts["attributes"]


def _why(outcomes: Sequence[Outcome]) -> str:
    told = [f"{one.reason}{f', {one.detail}' if one.detail else ''}" for one in outcomes]
    return "; ".join(told)


def _number(files: Sequence[Path]) -> str:
    dataset = pydicom.dcmread(files[0], stop_before_pixels=True, specific_tags=["SeriesNumber"])
    return header.text(dataset, "SeriesNumber")
