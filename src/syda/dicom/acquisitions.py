"""Separate the slices of a series into acquisitions, each with one slice at a position.

Copies (same position, same pixels) are dropped. If a position then has several images, the series
holds several acquisitions, phases or reconstructions, and the first tag that distinguishes them
separates them. Each becomes a case, as in dcm2niix. All cases of a patient are in the same split.
If no tag distinguishes them, the series is rejected.

A series without repeated positions is one acquisition. A step-and-shoot scan has an
AcquisitionNumber for each table position and is one volume.

Source: DICOM PS3.3 C.7.6.1 (Acquisition Number, Date, Time), C.8.15.3.2 (the same of frames).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syda.dicom import header, pixels, plane
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Irregularity, Reason

Heights = NDArray[np.float64]
"""Positions along the slice normal, ``[slice]`` mm."""

SAME_POSITION_MM = 0.05
"""Slices closer than this along the normal have the same position. No CT has thinner slices."""

DISTINGUISHING_TAGS = (
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "ContentTime",
    "ConvolutionKernel",
)
"""Tags with one value for each acquisition, the most specific first."""

TIME_TAGS = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime")
"""Tags that may also increase from slice to slice. Then a repeated position starts the next pass,
and passes of equal length are acquisitions."""


@dataclass(frozen=True)
class Acquisition:
    """Slices that may form one stack.

    Attributes:
        slices: slices in any order, with different positions.
        name: name among the acquisitions of the series, empty for the only one. It does not depend
            on the others. It is text from the header, for the keyed hash of a case id alone.
        copies: number of dropped copies.
    """

    slices: list[CTSlice]
    name: str
    copies: int

    @property
    def irregularities(self) -> frozenset[Irregularity]:
        """What the separation corrected."""
        found = {Irregularity.COPIES_DROPPED} if self.copies else set()
        return frozenset(found | ({Irregularity.SEVERAL_ACQUISITIONS} if self.name else set()))


def separate(slices: Sequence[CTSlice], min_slices: int) -> list[Acquisition]:
    """Drop copies and separate acquisitions.

    Args:
        slices: slices of one series.
        min_slices: a tag separates acquisitions only if the longest has this many slices.

    Raises:
        InputRejected: too few slices, no common plane, or several images at one position that no
            tag separates.
    """
    if len(slices) < min_slices:
        raise InputRejected(Reason.TOO_FEW_SLICES, f"{len(slices)} of at least {min_slices}")
    normal = plane.common_plane(slices).normal
    heights = plane.positions(slices) @ normal
    single = _without_copies(slices, heights)
    if single is not None:
        return [Acquisition(single, "", len(slices) - len(single))]
    for groups in _groupings(slices, heights):
        found = []
        for name, group in sorted(groups.items()):
            unique = _without_copies([slices[i] for i in group], heights[group])
            if unique is not None:
                found.append(Acquisition(unique, name, len(group) - len(unique)))
        if len(found) == len(groups) and max(len(one.slices) for one in found) >= min_slices:
            return found
    positions = len(_by_position(heights))
    raise InputRejected(Reason.DUPLICATE_SLICES, f"{len(slices)} slices at {positions} positions")


def _by_position(heights: Heights) -> list[NDArray[np.intp]]:
    """Return the indices of the slices at each position."""
    along = np.argsort(heights, kind="stable")
    ends = np.flatnonzero(np.diff(heights[along]) >= SAME_POSITION_MM) + 1
    return np.split(along, ends)


def _without_copies(slices: Sequence[CTSlice], heights: Heights) -> list[CTSlice] | None:
    """Return one slice for each position, or None if a position has different images."""
    unique = []
    for indices in _by_position(heights):
        first, *others = sorted(
            (slices[i] for i in indices), key=lambda s: header.text(s.header, "SOPInstanceUID")
        )
        if not all(_is_copy(first, other) for other in others):
            return None
        unique.append(first)
    return unique


def _is_copy(one: CTSlice, other: CTSlice) -> bool:
    first, second = plane.positions([one, other])
    return bool(np.abs(first - second).max() < SAME_POSITION_MM) and pixels.same_pixels(one, other)


def _groupings(slices: Sequence[CTSlice], heights: Heights) -> Iterator[dict[str, list[int]]]:
    """Yield ways to separate slices: name of a group to the indices of its slices."""
    values = {
        keyword: [header.text(one.header, keyword) for one in slices]
        for keyword in DISTINGUISHING_TAGS
    }
    for keyword, texts in values.items():
        groups: dict[str, list[int]] = defaultdict(list)
        for index, value in enumerate(texts):
            groups[f"{keyword}={value}"].append(index)
        if all(texts) and len(groups) > 1:
            yield groups
    for keyword in TIME_TAGS:
        passes = _passes(values[keyword], heights)
        groups = {f"{keyword}={values[keyword][group[0]]}": group for group in passes}
        if all(values[keyword]) and len(groups) == len(passes) and len(set(map(len, passes))) == 1:
            yield groups


def _passes(times: list[str], heights: Heights) -> list[list[int]]:
    """Return the slices in order of time, divided where a position repeats."""
    passes: list[list[int]] = []
    for index in sorted(range(len(times)), key=lambda i: (times[i], heights[i])):
        if not passes or np.abs(heights[passes[-1]] - heights[index]).min() < SAME_POSITION_MM:
            passes.append([])
        passes[-1].append(index)
    return passes
