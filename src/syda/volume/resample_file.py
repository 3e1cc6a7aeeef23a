"""Resampling from file to file, and what its header says of the result before any work."""

import math
from collections.abc import Sequence
from pathlib import Path

from syda.errors import CheckFailed
from syda.volume import nifti, resample


def check_size(source: Path, spacing_mm: float, max_side: int) -> None:
    """Check that a scan does not become too large. Only the file's header is read.

    A wrong PixelSpacing would otherwise fill the memory before any expectation sees the volume.

    Args:
        source: NIfTI file.
        spacing_mm: new voxel size.
        max_side: longest side of a resampled scan, voxels.

    Raises:
        CheckFailed: a side would be longer than ``max_side``.
        CorruptData: the file is not a NIfTI file.
    """
    shape, old_mm = nifti.read_header(source)
    new = [axis.count for axis in resample.axes(shape, old_mm, spacing_mm)]
    if max(new) > max_side:
        raise CheckFailed(
            f"resample: {nifti.case_name(source)}: {_sides(shape)} voxels of {_sides(old_mm)} mm "
            f"would become {_sides(new)} voxels of {spacing_mm:g} mm, more than resample.max_side "
            f"{max_side}: correct the series' PixelSpacing and slice positions, take it out, or "
            "raise resample.max_side"
        )


def _sides(values: Sequence[float]) -> str:
    return " x ".join(f"{value:.6g}" for value in values)


def expected_bytes(source: Path, spacing_mm: float) -> int:
    """Estimate the size of a resampled file, if it compresses as well as its source."""
    shape, old_mm = nifti.read_header(source)
    counts = [axis.count for axis in resample.axes(shape, old_mm, spacing_mm)]
    return round(source.stat().st_size * math.prod(counts) / math.prod(shape))


def resample_file(source: Path, target: Path, spacing_mm: float) -> None:
    """Resample a NIfTI file of int16 HU to an isotropic spacing.

    Raises:
        CorruptData: the source cannot be read.
    """
    nifti.write(target, resample.to_spacing(nifti.read(source), spacing_mm))
