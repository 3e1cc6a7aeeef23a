"""A series' slices to acquisitions: in each, no place along the normal is taken twice.

Copies (the same place and the same pixels) are dropped. Where a place shows two images, the series
holds several acquisitions, phases or reconstructions, and the first tag that tells them apart
separates them. Each becomes a case of its own, as in dcm2niix and in archives that store a phase a
series: to take the longest alone would throw measured scans away, and a patient's cases stay in
one split whatever their number. Where no tag tells them apart, the series is set aside.

Acquisitions are not separated where places are not repeated: a step-and-shoot scan has an
AcquisitionNumber for each table position and is one volume.

Source: DICOM PS3.3 C.7.6.1 (Acquisition Number, Date, Time), C.8.15.3.2 (of frames).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syda.dicom import header, pixels, plane
from syda.dicom.plane import Slice
from syda.dicom.reject import Irregularity, Reason, SetAside

Heights = NDArray[np.float64]
"""Places along the normal, ``[slice]`` mm."""

SAME_PLACE_MM = 0.05
"""Slices closer than this along the normal are at one place; no CT has thinner slices."""

TELLING = (
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "ContentTime",
    "ConvolutionKernel",
)
"""Tags with one value for each acquisition, the one that says it most plainly first."""

CLOCKS = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime")
"""Tags that may also grow from slice to slice: a place met again begins the next pass, and
passes of one length are acquisitions."""


@dataclass(frozen=True)
class Acquisition:
    """Slices that may form one stack.

    Attributes:
        slices: any order, no two at one place.
        name: tells it from the others of its series, whichever these are; empty if it is the only
            one. Text from the header: for the keyed hash of an id alone.
        copies: slices dropped because another one is the same.
    """

    slices: list[Slice]
    name: str
    copies: int

    @property
    def irregularities(self) -> frozenset[Irregularity]:
        """What separating the series put right."""
        found = {Irregularity.COPIES_DROPPED} if self.copies else set()
        return frozenset(found | ({Irregularity.SEVERAL_ACQUISITIONS} if self.name else set()))


def separate(slices: Sequence[Slice], min_slices: int) -> list[Acquisition]:
    """Drop copies and separate acquisitions.

    Args:
        slices: of one series.
        min_slices: the longest acquisition holds as many, or the tag does not tell acquisitions.

    Raises:
        SetAside: too few slices, no common plane, or places with several images and no tag that
            tells them apart.
    """
    if len(slices) < min_slices:
        raise SetAside(Reason.TOO_FEW_SLICES, f"{len(slices)} of at least {min_slices}")
    normal = plane.common(slices).normal
    heights = plane.positions(slices) @ normal
    whole = _without_copies(slices, heights)
    if whole is not None:
        return [Acquisition(whole, "", len(slices) - len(whole))]
    for groups in _groupings(slices, heights):
        kept = {
            name: _without_copies([slices[i] for i in group], heights[group])
            for name, group in groups.items()
        }
        found = [
            Acquisition(clean, name, len(groups[name]) - len(clean))
            for name, clean in sorted(kept.items())
            if clean is not None
        ]
        if len(found) == len(groups) and max(len(one.slices) for one in found) >= min_slices:
            return found
    places = len(_places(heights))
    raise SetAside(Reason.DUPLICATE_SLICES, f"{len(slices)} slices at {places} places")


def _places(heights: Heights) -> list[NDArray[np.intp]]:
    """Indices of the slices at each place."""
    along = np.argsort(heights, kind="stable")
    ends = np.flatnonzero(np.diff(heights[along]) >= SAME_PLACE_MM) + 1
    return np.split(along, ends)


def _without_copies(slices: Sequence[Slice], heights: Heights) -> list[Slice] | None:
    """One slice a place, or None where a place shows two images."""
    kept = []
    for place in _places(heights):
        here = sorted(
            (slices[i] for i in place), key=lambda s: header.text(s.header, "SOPInstanceUID")
        )
        if not all(_is_copy(here[0], other) for other in here[1:]):
            return None
        kept.append(here[0])
    return kept


def _is_copy(one: Slice, other: Slice) -> bool:
    first, second = plane.positions([one, other])
    return bool(np.abs(first - second).max() < SAME_PLACE_MM) and pixels.same_pixels(one, other)


def _groupings(slices: Sequence[Slice], heights: Heights) -> Iterator[dict[str, list[int]]]:
    """Ways to separate slices: name of a group to the indices of its slices."""
    values = {keyword: [header.text(one.header, keyword) for one in slices] for keyword in TELLING}
    for keyword, told in values.items():
        groups: dict[str, list[int]] = defaultdict(list)
        for index, value in enumerate(told):
            groups[f"{keyword}={value}"].append(index)
        if all(told) and len(groups) > 1:
            yield groups
    for keyword in CLOCKS:
        passes = _passes(values[keyword], heights)
        groups = {f"{keyword}={values[keyword][group[0]]}": group for group in passes}
        if all(values[keyword]) and len(groups) == len(passes) and len(set(map(len, passes))) == 1:
            yield groups


def _passes(times: list[str], heights: Heights) -> list[list[int]]:
    """Slices in the order of time, cut where a place is met again."""
    passes: list[list[int]] = []
    for index in sorted(range(len(times)), key=lambda i: (times[i], heights[i])):
        if not passes or np.abs(heights[passes[-1]] - heights[index]).min() < SAME_PLACE_MM:
            passes.append([])
        passes[-1].append(index)
    return passes
