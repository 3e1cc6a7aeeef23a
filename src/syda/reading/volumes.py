"""The volumes of a study, prepared so that sharpness and field of view do not give them away.

A synthetic volume has the model's coarse voxels. On the matched grid, a real scan goes through the
model's cube first. Then all volumes are resampled to the voxel size of the coarsest, and padded
with air to one shape.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from syda import paths
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.gallery.item import DisplayScale, pack_voxels
from syda.params import CtParams
from syda.reading.design import StudyDesign, choose
from syda.reading.key import Grid, StudyVolume
from syda.records import reader
from syda.records.index import INDEX, read_index
from syda.types import EFFECTIVE_SPACING, Volume
from syda.volume import nifti
from syda.volume.model_space import ModelSpace, axes_to_model, crop_empty_planes
from syda.volume.resample import along_axes, rounded, to_spacing

HU_STEP = 4
"""HU; shown voxels are rounded to it, as in the gallery."""


@dataclass(frozen=True)
class ShownVolume:
    """A volume as the page shows it: voxels along i, j, k, mm, and packed voxels."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    voxels: str


@dataclass(frozen=True)
class ShownVolumes:
    """All volumes of a study, in the order of their numbers.

    Attributes:
        volumes: what each is.
        shown: what the page shows of each.
        scale: with which voxels are packed.
        weights_sha256: of the weights that made the synthetic ones.
    """

    volumes: tuple[StudyVolume, ...]
    shown: tuple[ShownVolume, ...]
    scale: DisplayScale
    weights_sha256: str


def prepare(root: Path, design: StudyDesign, ct: CtParams, grid: Grid) -> ShownVolumes:
    """Choose the volumes of a study and prepare them.

    Raises:
        UsageError: there are too few volumes.
        CheckFailed: the synthetic volumes are of several weights.
    """
    for path in (paths.RECORDS / INDEX, paths.SYNTHETIC):
        if not (root / path).exists():
            raise UsageError(f"reader-study: {path}: not here: run `dvc repro` or `dvc pull`")
    half = design.volumes // 2
    sides = {
        entry.case: entry.longest_side
        for entry in read_index(root / paths.RECORDS)
        if entry.split == "holdout"
    }
    files = {nifti.case_name(file): file for file in nifti.case_files(root / paths.SYNTHETIC)}
    real = choose(list(sides), half, design.seed, "real")
    synthetic = choose(list(files), half, design.seed, "synthetic")
    described = [_description(files[name]) for name in synthetic]
    weights = {str(one["weights_sha256"]) for one in described}
    if len(weights) > 1:
        raise CheckFailed(f"reader-study: {paths.SYNTHETIC}: volumes of several weights")
    space = ModelSpace.of(ct)
    spacings = [space.effective_spacing(sides[case]) for case in real]
    spacings += [float(one[EFFECTIVE_SPACING]) for one in described]
    drawn = [nifti.read(files[name]) for name in synthetic]
    scans = _scans(root, real, ct)
    if grid == "matched":
        found = match((through_model(scan, space) for scan in scans), drawn, max(spacings), ct)
    else:
        found = [crop_empty_planes(volume) for volume in (*scans, *drawn)]
    scale = DisplayScale(ct.window_min, ct.window_max, HU_STEP)
    return ShownVolumes(
        (
            *(StudyVolume(kind="real", name=case) for case in real),
            *(StudyVolume(kind="synthetic", name=name) for name in synthetic),
        ),
        tuple(_show(volume, scale) for volume in found),
        scale,
        weights.pop(),
    )


def through_model(scan: Volume, space: ModelSpace) -> Volume:
    """Fit a scan into the model's cube, as the training sees it, in HU.

    Args:
        scan: at ``space.spacing_mm``.
        space: of the model.
    """
    hu = scan.hu.clip(space.window_min, space.window_max)
    axes = axes_to_model(scan.hu.shape, space.size)
    fitted = along_axes(hu, axes, outside=float(space.window_min))
    spacing = space.effective_spacing(scan.longest_side)
    return Volume(rounded(fitted), np.diag([spacing, spacing, spacing, 1.0]))


def match(
    real: Iterator[Volume], synthetic: Sequence[Volume], spacing: float, ct: CtParams
) -> list[Volume]:
    """Bring volumes to one voxel size and one shape.

    Args:
        real: scans that went through the model's cube.
        synthetic: decoded volumes.
        spacing: mm, of the coarsest.
        ct: window of HU.

    Returns:
        The real volumes, then the synthetic ones; centred, with air around them.
    """
    resampled = [
        to_spacing(crop_empty_planes(_clipped(volume, ct)), spacing)
        for volume in (*real, *synthetic)
    ]
    shape = np.max([volume.hu.shape for volume in resampled], axis=0)
    return [_padded(volume, shape, ct.window_min) for volume in resampled]


def _clipped(volume: Volume, ct: CtParams) -> Volume:
    return Volume(volume.hu.clip(ct.window_min, ct.window_max), volume.affine)


def _padded(volume: Volume, shape: Any, air: int) -> Volume:
    missing = shape - volume.hu.shape
    widths = [(int(count) // 2, int(count) - int(count) // 2) for count in missing]
    return Volume(np.pad(volume.hu, widths, constant_values=air), volume.affine)


def _scans(root: Path, cases: Sequence[str], ct: CtParams) -> list[Volume]:
    """The held-out scans of some cases, in their order."""
    found = {
        record.case.case: record.volume
        for record in reader.read_split(root / paths.RECORDS, "holdout", ct.spacing_mm)
        if record.case.case in cases
    }
    return [found[case] for case in cases]


def _description(file: Path) -> dict[str, Any]:
    path = file.with_name(f"{nifti.case_name(file)}.json")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: content[name] for name in (EFFECTIVE_SPACING, "weights_sha256")}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CorruptData(
            f"{paths.SYNTHETIC / path.name}: no description of a volume ({error!r}): generate again"
        ) from error


def _show(volume: Volume, scale: DisplayScale) -> ShownVolume:
    i, j, k = volume.hu.shape
    return ShownVolume((i, j, k), volume.spacing, pack_voxels(volume, scale))
