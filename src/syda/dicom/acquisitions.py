"""Separate the slices of a series into acquisitions, each with one slice at a position.

Copies (same position, same pixels) are dropped. If a position then has several images, the series
holds several acquisitions, phases or reconstructions, and the first tag that distinguishes them
separates them. A tag also separates stacks that lie between each other, because the table moved by
a part of a step between the phases. Each becomes a case, as in dcm2niix. All cases of a patient are
in the same split. If no tag distinguishes images at one position, the series is rejected.

Stacks that follow each other are one acquisition: a step-and-shoot scan has an AcquisitionNumber
for each table position and is one volume. A kernel or a tube voltage that changes divides any.

Source: DICOM PS3.3 C.7.6.1 (Acquisition Number, Date, Time), C.8.15.3.2 (the same of frames).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from syda.dicom import grouping, header, pixels, plane
from syda.dicom.grouping import SAME_POSITION_MM, Heights
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Irregularity, Reason


@dataclass(frozen=True)
class Acquisition:
    """Slices that may form one stack.

    Attributes:
        slices: slices in any order, with different positions.
        name: name among the acquisitions of the series, empty for the only one. It does not depend
            on the others. It is text from the header, for the keyed hash of a case id alone.
        copies: number of dropped copies.
        left_out: number of images of the series that are no slices (:mod:`syda.dicom.strays`).
    """

    slices: list[CTSlice]
    name: str
    copies: int
    left_out: int = 0

    @property
    def irregularities(self) -> frozenset[Irregularity]:
        """What the separation corrected."""
        found = {
            Irregularity.COPIES_DROPPED: bool(self.copies),
            Irregularity.SEVERAL_ACQUISITIONS: bool(self.name),
            Irregularity.IMAGES_LEFT_OUT: bool(self.left_out),
        }
        return frozenset(one for one, is_there in found.items() if is_there)


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
    found = _resolve(_Images(slices, heights), np.arange(len(slices)), "", min_slices)
    if found is None:
        positions = len(_by_position(heights))
        raise InputRejected(
            Reason.DUPLICATE_SLICES, f"{len(slices)} slices at {positions} positions"
        )
    return found


@dataclass(frozen=True)
class _Images:
    """All images of a series, with their positions along the normal."""

    slices: Sequence[CTSlice]
    heights: Heights


def _resolve(
    images: _Images, members: NDArray[np.intp], name: str, min_slices: int
) -> list[Acquisition] | None:
    """Separate some images of a series, or return None if no tag does.

    Args:
        images: the series.
        members: indices of the images to separate.
        name: name of these images among those of the series.
        min_slices: a tag separates acquisitions only if the longest has this many slices.
    """
    unique = _without_copies(images, members)
    kept = members if unique is None else unique
    slices, heights = [images.slices[i] for i in kept], images.heights[kept]
    for groups in grouping.ways_to_separate(slices, heights, repeated=unique is None):
        found = _resolve_each(images, kept, groups, name, min_slices)
        if found and (unique is not None or _longest(found) >= min_slices):
            return _with_copies(found, len(members) - len(kept))
    if unique is None:
        return None
    for groups in grouping.ways_to_divide(slices):
        found = _resolve_each(images, kept, groups, name, min_slices)
        if found:
            return _with_copies(found, len(members) - len(kept))
    return [Acquisition(slices, name, len(members) - len(kept))]


def _longest(found: Sequence[Acquisition]) -> int:
    return max(len(one.slices) for one in found)


def _with_copies(found: list[Acquisition], copies: int) -> list[Acquisition]:
    """Count copies that were dropped before the separation with the first acquisition."""
    first, *others = found
    return [replace(first, copies=first.copies + copies), *others]


def _resolve_each(
    images: _Images,
    members: NDArray[np.intp],
    groups: Mapping[str, Sequence[int]],
    name: str,
    min_slices: int,
) -> list[Acquisition] | None:
    found = []
    for value, group in sorted(groups.items()):
        parts = _resolve(images, members[group], f"{name}/{value}" if name else value, min_slices)
        if parts is None:
            return None
        found += parts
    return found


def _by_position(heights: Heights) -> list[NDArray[np.intp]]:
    """Return the indices of the slices at each position."""
    along = np.argsort(heights, kind="stable")
    ends = np.flatnonzero(np.diff(heights[along]) >= SAME_POSITION_MM) + 1
    return np.split(along, ends)


def _without_copies(images: _Images, members: NDArray[np.intp]) -> NDArray[np.intp] | None:
    """Return the index of one slice for each position, or None if a position has other images.

    The copies of a series, exported twice with other headers, have one header among them.
    """
    unique = []
    for indices in _by_position(images.heights[members]):
        same = [int(members[i]) for i in indices]
        if len(same) > 1:
            same.sort(key=lambda i: _header_key(images.slices[i]))
            first, *others = (images.slices[i] for i in same)
            if not all(_is_copy(first, other) for other in others):
                return None
        unique.append(same[0])
    return np.array(unique)


def _header_key(one: CTSlice) -> tuple[str, ...]:
    keywords = (*grouping.DISTINGUISHING_TAGS, "SOPInstanceUID")
    return tuple(header.text(one.header, keyword) for keyword in keywords)


def _is_copy(one: CTSlice, other: CTSlice) -> bool:
    first, second = plane.positions([one, other])
    return bool(np.abs(first - second).max() < SAME_POSITION_MM) and pixels.same_pixels(one, other)
