"""One CT series of a folder, chosen by its Series Number and read into memory."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import pydicom

from syda.dicom import (
    acquisitions,
    header,
    intake,
    pixels,
    regrid,
    series,
    stack,
    strays,
)
from syda.dicom.reject import InputRejected, Reason, reject_on_error
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.types import Volume
from syda.volume import geometry

_MIN_SLICES = 2
_MAX_LISTED = 6
"""Series that a message lists."""


def read_series(folder: Path, number: int | None, hu_min: int, hu_max: int) -> Volume:
    """Read a series as convert does, without its rules for a cohort and its checks of voxels.

    A Python warning says how many images are no slices of the stack, and are left out.

    Args:
        folder: of DICOM files.
        number: Series Number to take, or None for the only series.
        hu_min: HU below are set to it.
        hu_max: HU above are set to it.

    Returns:
        ``[i, j, k]`` int16 HU, RAS+.

    Raises:
        CheckFailed: no CT series.
        CorruptData: the series is damaged or incomplete.
        UsageError: several series.
    """
    groups, ignored = intake.group_by_series(intake.list_files(folder))
    _, files = choose_series(groups, ignored, number)
    try:
        with warnings.catch_warnings(action="ignore"), reject_on_error(Reason.DAMAGED):
            images = series.read_slices(files)
            slices = strays.leave_out(images, _MIN_SLICES, synthetic=True)
            first, *others = acquisitions.separate(slices, _MIN_SLICES)
            if others:
                raise InputRejected(Reason.DUPLICATE_SLICES, "several acquisitions")
            found = stack.arrange(first.slices, _MIN_SLICES, False)
            planes = pixels.Planes(found.slices, hu_min, hu_max)
            volume = geometry.to_ras(*regrid.to_grid(planes, found))
    except InputRejected as error:
        raise CorruptData(
            f"the series cannot be converted: {error}: repair the files or choose another series"
        ) from error
    if len(images) > len(slices):
        left_out = len(images) - len(slices)
        warnings.warn(f"{left_out} images are no slices of the stack: left out", stacklevel=2)
    return volume


def choose_series(
    groups: Mapping[str, Sequence[Path]], ignored: Mapping[Reason, int], number: int | None
) -> tuple[str, Sequence[Path]]:
    """Return the series of a number, or the only one, with its SeriesInstanceUID.

    Args:
        groups: files of each series, as :func:`syda.dicom.intake.group_by_series` returns them.
        ignored: number of other files, by reason.
        number: Series Number, or None.

    Raises:
        CheckFailed: there is none.
        UsageError: there are several.
    """
    if number is not None:
        groups = {uid: files for uid, files in groups.items() if _number(files) == str(number)}
    if not groups:
        missing = "no CT series" if number is None else f"no CT series of number {number}"
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(ignored.items()))
        raise CheckFailed(f"{missing} in the scan ({reasons or 'no other file'})")
    if len(groups) > 1:
        counts = sorted((_number(files) or "none", len(files)) for files in groups.values())
        listed = ", ".join(f"{one} ({count} files)" for one, count in counts[:_MAX_LISTED])
        listed += f" and {len(counts) - _MAX_LISTED} more" if len(counts) > _MAX_LISTED else ""
        raise UsageError(
            f"{len(groups)} CT series in the scan, by Series Number: {listed}: choose one by its "
            "number, or give a folder with one series"
        )
    ((uid, files),) = groups.items()
    return uid, files


def _number(files: Sequence[Path]) -> str:
    dataset = pydicom.dcmread(files[0], stop_before_pixels=True, specific_tags=["SeriesNumber"])
    return header.text(dataset, "SeriesNumber")
