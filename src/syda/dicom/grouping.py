"""The ways to group the slices of a series: by a tag, or by the passes of the table.

Source: DICOM PS3.3 C.7.6.1 (General Image), C.8.2.1 (CT Image), C.7.6.18.1 (cardiac phase).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.tag import Tag

from syda.dicom import header
from syda.dicom.plane import CTSlice

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
    "KVP",
    "IrradiationEventUID",
    "NominalPercentageOfCardiacPhase",
    "TriggerTime",
    "SliceThickness",
    "ImageType",
    "SeriesNumber",
    "SeriesDescription",
)
"""Tags with one value for each acquisition, the most specific first."""

DIVIDING_TAGS = ("ConvolutionKernel", "KVP")
"""Tags whose values decide how HU look. A case has one value of each."""

TIME_TAGS = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime")
"""Tags that may also increase from slice to slice. Then a repeated position starts the next pass,
and passes of equal length are acquisitions."""


FEWEST_SLICES = 3
"""Fewer slices show no slice distance."""

REGULAR_SHARE = 0.75
"""Share of the gaps of a stack that are near their median. One slice may be missing."""

NEAR_STEP = 0.25
"""Largest deviation of a gap from the slice distance, as a share of it, on the way of a table."""

MOST_STEPS = 3
"""Most slice distances that a table moves between two slices of one pass."""


def ways_to_separate(
    slices: Sequence[CTSlice], heights: Heights, repeated: bool
) -> Iterator[dict[str, list[int]]]:
    """Yield ways to separate slices: name of a group to the indices of its slices.

    Args:
        slices: slices in any order.
        heights: their positions along the normal.
        repeated: whether positions have several images. If not, only groups that lie between each
            other are separated.
    """
    timed = {}
    for keyword in _that_differ(slices, DISTINGUISHING_TAGS):
        texts = [_value(one, keyword) for one in slices]
        if len(set(texts)) == 1 or not all(texts):
            continue
        groups = _by_value(keyword, texts)
        if repeated or _interleave(list(groups.values()), heights):
            yield groups
        if keyword in TIME_TAGS:
            timed[keyword] = texts
    for keyword, times in timed.items():
        passes = _passes(times, heights) if repeated else _ways(times, heights)
        groups = {f"{keyword}={times[group[0]]}": group for group in passes}
        equal = len(groups) == len(passes) and len(set(map(len, passes))) == 1
        if (equal and repeated) or (len(groups) == len(passes) and _interleave(passes, heights)):
            yield groups


def ways_to_divide(slices: Sequence[CTSlice]) -> Iterator[dict[str, list[int]]]:
    """Yield the groups of each tag that divides. An empty value is any other, if there is one."""
    for keyword in _that_differ(slices, DIVIDING_TAGS):
        texts = [_value(one, keyword) for one in slices]
        if len({*texts} - {""}) > 1:
            yield _by_value(keyword, texts)


def _that_differ(slices: Sequence[CTSlice], keywords: Sequence[str]) -> list[str]:
    """Return the keywords whose values are not the same bytes in all slices."""
    tags = [Tag(keyword) for keyword in keywords]
    values = [header.unparsed(one.header, tags) for one in slices]
    several = [len(set(column)) > 1 for column in zip(*values, strict=True)]
    return [keyword for keyword, differs in zip(keywords, several, strict=True) if differs]


def _by_value(keyword: str, texts: Sequence[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, value in enumerate(texts):
        groups[f"{keyword}={value}"].append(index)
    return groups


def _value(one: CTSlice, keyword: str) -> str:
    """Return the text of a tag. A decimal number has one text, however it is written."""
    found = header.value(one.header, keyword)
    return f"{found:g}" if isinstance(found, float) else header.text(one.header, keyword)


def _interleave(groups: Sequence[Sequence[int]], heights: Heights) -> bool:
    """Return whether groups of slices are stacks, and some lie at the same part of the patient."""
    if len(groups) < 2 or min(map(len, groups)) < FEWEST_SLICES:
        return False
    stacks = sorted((np.sort(heights[list(group)]) for group in groups), key=lambda h: float(h[0]))
    steps = [float(np.median(np.diff(one))) for one in stacks]
    for one, step in zip(stacks, steps, strict=True):
        near = np.abs(np.diff(one) - step) <= NEAR_STEP * step
        if near.mean() < REGULAR_SHARE:
            return False
    top, top_step = float(stacks[0][-1]), steps[0]
    for one, step in zip(stacks[1:], steps[1:], strict=True):
        if min(top, float(one[-1])) - float(one[0]) >= min(step, top_step):
            return True
        if one[-1] > top:
            top, top_step = float(one[-1]), step
    return False


def _passes(times: Sequence[str], heights: Heights) -> list[list[int]]:
    """Return the slices in order of time, divided where a position repeats."""
    passes: list[list[int]] = []
    for index in _in_time(times, heights):
        if not passes or np.abs(heights[passes[-1]] - heights[index]).min() < SAME_POSITION_MM:
            passes.append([])
        passes[-1].append(index)
    return passes


def _ways(times: Sequence[str], heights: Heights) -> list[list[int]]:
    """Return the slices in order of time, divided where the table leaves its regular way."""
    ways: list[list[int]] = []
    for index in _in_time(times, heights):
        way = heights[ways[-1]] if ways else np.empty(0)
        if len(way) >= 2:
            steps = float((heights[index] - way[-1]) / (way[1] - way[0]))
            on_the_way = 1 <= round(steps) <= MOST_STEPS and abs(steps - round(steps)) <= NEAR_STEP
        if not ways or (len(way) >= 2 and not on_the_way):
            ways.append([])
        ways[-1].append(index)
    return ways


def _in_time(times: Sequence[str], heights: Heights) -> list[int]:
    return sorted(range(len(times)), key=lambda i: (times[i], heights[i]))
