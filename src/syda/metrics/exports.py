"""Exports: does each file at true spacing show its volume, in the right position?

An export is a NIfTI file and a DICOM series of one synthetic volume, cropped to the cube's contents
and resampled. Sizes and positions are computed here from the cube in mm. HU are compared with a
second resampling of the cube, and the two files with each other. A fault is reported and stops
nothing; the validation of the synthetic volumes is the gate that stops a run.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import ArrayLike
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from syda import paths
from syda.errors import CorruptData
from syda.metrics.cohorts import Floats
from syda.runtime import progress
from syda.types import EFFECTIVE_SPACING, Volume
from syda.volume import geometry, nifti
from syda.volume.model_space import EMPTY_BELOW_HU, ModelSpace

TOLERANCE_MM = 1e-3
"""Of sizes and positions that must be equal: a NIfTI header holds 32-bit numbers."""

TOLERANCE_HU = 1
"""Between the export and a second resampling: one value can be rounded either way."""

_SHARED = (
    "SeriesInstanceUID",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SpacingBetweenSlices",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "RescaleSlope",
    "RescaleIntercept",
)
"""Attributes that all slices of a series share."""

_UNREADABLE = (
    CorruptData,
    InvalidDicomError,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)
"""Errors of pydicom and json for other bytes, and for a file that lacks something."""


class ExportFault(StrEnum):
    """A fault of an export."""

    MISSING = "missing"
    """One of cube, JSON, NIfTI and DICOM is not there."""
    UNREADABLE = "unreadable"
    """One of them cannot be read."""
    SPACING = "spacing"
    """Voxels of another size than the scans', or a JSON or cube with another size."""
    ORIENTATION = "orientation"
    """Axes that do not point right, front, up (RAS+), along the world's."""
    EXTENT = "extent"
    """Another size than the cube's contents, to half a voxel, position, or length than recorded."""
    HU = "hu"
    """Other HU than the cube has there."""
    DICOM_GEOMETRY = "dicom_geometry"
    """Slices that are not where the NIfTI file's are, uneven, or unlike each other."""
    DICOM_HU = "dicom_hu"
    """A voxel of the series differs from the NIfTI file's."""
    UNMARKED = "unmarked"
    """A slice without Synthetic Data (0008,001C) YES."""


@dataclass(frozen=True)
class ExportReport:
    """Result of the check.

    Attributes:
        faults: name of each export to what is wrong with it; none for a sound one.
    """

    faults: Mapping[str, list[ExportFault]]

    def summary(self) -> dict[str, int]:
        """The numbers of ``metrics.json``."""
        return {"checked": len(self.faults), "faulty": len(self._faulty())}

    def detail(self) -> dict[str, Any]:
        """Faults by name, and how many exports have each, for ``details.json``."""
        every = [fault for found in self.faults.values() for fault in found]
        return {
            "faulty": {name: [fault.value for fault in each] for name, each in self._faulty()},
            "by_kind": {fault.value: every.count(fault) for fault in ExportFault},
        }

    def _faulty(self) -> list[tuple[str, list[ExportFault]]]:
        return [(name, found) for name, found in self.faults.items() if found]


def check(folder: Path, space: ModelSpace) -> ExportReport:
    """Check every export of a folder of synthetic volumes.

    Args:
        folder: cubes and their JSON, with the exports in ``physical`` and ``dicom``.
        space: the model's cube.
    """
    names = {nifti.case_name(path) for path in nifti.case_files(folder / paths.NIFTI_EXPORTS)}
    names |= {path.name for path in (folder / paths.DICOM_EXPORTS).glob("*") if path.is_dir()}
    each = progress.track(sorted(names), len(names), "check", "exports")
    return ExportReport({name: _faults(folder, name, space) for name in each})


def _faults(folder: Path, name: str, space: ModelSpace) -> list[ExportFault]:
    cube, facts = folder / f"{name}{nifti.SUFFIX}", folder / f"{name}.json"
    file = folder / paths.NIFTI_EXPORTS / f"{name}{nifti.SUFFIX}"
    series = folder / paths.DICOM_EXPORTS / name
    if not all(path.exists() for path in (cube, facts, file, series)):
        return [ExportFault.MISSING]
    try:
        export, source, recorded = nifti.read(file), nifti.read(cube), _RecordedSizes.read(facts)
        slices = [pydicom.dcmread(path) for path in sorted(series.iterdir())]
        shown = _volume(slices)
    except _UNREADABLE:
        return [ExportFault.UNREADABLE]
    marked = all(one.get("SyntheticData") == "YES" for one in slices)
    return [
        *_of_nifti(export, source, recorded, space),
        *_of_series(shown, export),
        *([] if marked else [ExportFault.UNMARKED]),
    ]


@dataclass(frozen=True)
class _RecordedSizes:
    """Sizes in the JSON, mm."""

    effective: float
    nominal: float
    length: float

    @staticmethod
    def read(path: Path) -> "_RecordedSizes":
        facts = json.loads(path.read_text(encoding="utf-8"))
        return _RecordedSizes(
            float(facts[EFFECTIVE_SPACING]),
            float(facts["nominal_spacing_mm"]),
            float(facts["properties"]["measured"]["scan_length_mm"]),
        )


def _of_nifti(
    export: Volume, cube: Volume, recorded: _RecordedSizes, space: ModelSpace
) -> list[ExportFault]:
    at_scans, at_cubes = (*export.spacing, recorded.nominal), cube.spacing
    length = export.hu.shape[2] * export.spacing[2]
    shown, there = _box(cube, *_region(cube)), _box(export, np.zeros(3), np.array(export.hu.shape))
    here = geometry.to_ras(export.hu, export.affine).hu
    again = space.physical(cube).hu
    broken = {
        ExportFault.SPACING: not _same(at_scans, space.spacing_mm)
        or not _same(at_cubes, recorded.effective),
        ExportFault.ORIENTATION: not _is_upright(export),
        ExportFault.EXTENT: not _same(there[0], shown[0])
        or np.abs(there[1] - shown[1]).max() > space.spacing_mm / 2 + TOLERANCE_MM
        or not _same(length, recorded.length),
        ExportFault.HU: here.shape != again.shape
        or np.abs(here.astype(np.int32) - again).max() > TOLERANCE_HU,
    }
    return [fault for fault, is_broken in broken.items() if is_broken]


def _of_series(series: Volume | None, export: Volume) -> list[ExportFault]:
    if series is None or series.hu.shape != export.hu.shape:
        return [ExportFault.DICOM_GEOMETRY]
    if not _same(series.affine, export.affine):
        return [ExportFault.DICOM_GEOMETRY]
    return [ExportFault.DICOM_HU] if np.any(series.hu != export.hu) else []


def _volume(slices: Sequence[Dataset]) -> Volume | None:
    """The slices as a RAS+ volume; None if they are not one series of even steps.

    Source: PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1.
    """
    if not slices:
        return None
    first = slices[0]
    across, down = np.array(first.ImageOrientationPatient, np.float64).reshape(2, 3)
    normal = np.cross(across, down)
    row, column = map(float, first.PixelSpacing)
    at = np.array([one.ImagePositionPatient for one in slices], np.float64)
    order = np.argsort(at @ normal)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = across * column, down * row
    affine[:3, 2] = normal * float(first.SpacingBetweenSlices)
    affine[:3, 3] = at[order[0]]
    even = affine[:3, 3] + np.arange(len(slices))[:, None] * affine[:3, 2]
    shared = {tuple(str(one[tag].value) for tag in _SHARED) for one in slices}
    if len(shared) > 1 or not _same(at[order], even):
        return None
    stored = np.stack([slices[k].pixel_array for k in order]).transpose(2, 1, 0)
    hu = stored * np.float32(first.RescaleSlope) + np.float32(first.RescaleIntercept)
    return geometry.to_ras(hu.astype(np.int16), geometry.LPS_TO_RAS @ affine)


def _region(cube: Volume) -> tuple[Floats, Floats]:
    """First index, and the one after the last, of the planes that are not empty."""
    shown = cube.hu >= EMPTY_BELOW_HU
    if not shown.any():
        return np.zeros(3), np.array(cube.hu.shape, np.float64)
    planes = [np.flatnonzero(shown.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    ends = [(plane[0], plane[-1] + 1) for plane in planes]
    first, after = np.array(ends, np.float64).T
    return first, after


def _box(volume: Volume, first: Floats, after: Floats) -> Floats:
    """``[2, 3]`` lowest and highest world position, mm, of a box of voxels."""
    corners = np.stack([first, after]) - 0.5
    faces = corners @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    box: Floats = np.sort(faces, axis=0)
    return box


def _is_upright(volume: Volume) -> bool:
    """Whether the axes point right, front, up, along the world's."""
    return _same(volume.affine[:3, :3], np.diag(volume.spacing))


def _same(values: ArrayLike, others: ArrayLike) -> bool:
    return bool(np.allclose(values, others, rtol=0, atol=TOLERANCE_MM))
