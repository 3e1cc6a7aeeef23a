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

ORDERING_TAGS = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime", "InstanceNumber")
"""Tags that may also increase from slice to slice. Then the table starts the next pass."""

_DIGITS = 12
"""Most digits of an Instance Number (PS3.5 6.2, VR IS)."""

FEWEST_SLICES = 3
"""Fewer slices show no slice distance."""

REGULAR_SHARE = 0.75
"""Share of the gaps of a stack that are near their median. Some slices may be missing."""

NEAR_STEP = 0.25
"""Largest deviation of a gap from the slice distance, as a share of it."""

BETWEEN_STEP = 0.75
"""Slices of two acquisitions are nearer to each other than this share of their slice distance.
Slices of one regular stack are not."""

MOST_STEPS = 3
"""Most slice distances that a table moves between two slices of one pass."""


def ways_to_separate(
    slices: Sequence[CTSlice], heights: Heights, tolerance: float, *, repeated: bool
) -> Iterator[dict[str, list[int]]]:
    """Yield ways to separate slices: name of a group to the indices of its slices.

    Args:
        slices: slices in any order.
        heights: their positions along the normal.
        tolerance: distance of heights that are the same position, mm.
        repeated: whether positions have several images. If not, only groups that lie between each
            other are separated.
    """
    for keyword in _that_differ(slices, DISTINGUISHING_TAGS):
        texts = [_value(one, keyword) for one in slices]
        groups = _by_value(keyword, texts)
        separable = all(texts) if repeated else _interleave([*groups.values()], heights)
        if len(groups) > 1 and separable:
            yield groups
    for keyword in _that_differ(slices, ORDERING_TAGS):
        texts = [_value(one, keyword) for one in slices]
        if not all(texts):
            continue
        ranks = [one.zfill(_DIGITS) for one in texts] if keyword == "InstanceNumber" else texts
        order = sorted(range(len(texts)), key=lambda i: (ranks[i], heights[i]))
        passes = _passes(order, heights, tolerance, repeated=repeated)
        groups = {f"{keyword}={texts[group[0]]}": group for group in passes}
        equal = len(set(map(len, passes))) == 1
        if len(groups) == len(passes) and (equal if repeated else _interleave(passes, heights)):
            yield groups


def ways_to_divide(slices: Sequence[CTSlice]) -> Iterator[dict[str, list[int]]]:
    """Yield the groups of each dividing tag with several values. Slices without one are a group."""
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
    """Return whether most slices are in stacks that lie between those of other groups.

    The slices of one regular stack do not, however a tag groups them: they are apart by its step.
    """
    labels = np.empty(len(heights), np.intp)
    for number, group in enumerate(groups):
        labels[list(group)] = number
    along = np.argsort(heights, kind="stable")
    gaps = np.where(np.diff(labels[along]) != 0, np.diff(heights[along]), np.inf)
    nearest = np.empty_like(heights)
    nearest[along] = np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf))
    interleaved = 0
    for group in groups:
        step = _regular_step(np.sort(heights[list(group)]))
        near = nearest[list(group)] <= BETWEEN_STEP * step
        interleaved += len(group) if near.sum() >= FEWEST_SLICES else 0
    return 2 * interleaved >= len(heights)


def _regular_step(heights: Heights) -> float:
    """Return the slice distance of ascending heights, or 0 if they are no regular stack."""
    if len(heights) < FEWEST_SLICES:
        return 0.0
    gaps = np.diff(heights)
    step = float(np.median(gaps))
    near = np.abs(gaps - step) <= NEAR_STEP * step
    return step if near.mean() >= REGULAR_SHARE else 0.0


def _passes(
    order: Sequence[int], heights: Heights, tolerance: float, *, repeated: bool
) -> list[list[int]]:
    """Divide slices in their order where a position repeats, or the table leaves its way."""

    def is_next(done: Heights, height: float) -> bool:
        if repeated:
            return bool(np.abs(done - height).min() >= tolerance)
        steps = float((height - done[-1]) / (done[1] - done[0])) if len(done) > 1 else 1.0
        return 1 <= round(steps) <= MOST_STEPS and abs(steps - round(steps)) <= NEAR_STEP

    passes: list[list[int]] = []
    for index in order:
        if not passes or not is_next(heights[passes[-1]], float(heights[index])):
            passes.append([])
        passes[-1].append(index)
    return passes
