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
from syda.dicom.grouping import Heights
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Irregularity, Reason

SAME_POSITION_VOXELS = 0.02
"""Images closer than this, in voxels of the plane, have the same position. Decimal rounding moves
them so far."""


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
        min_slices: a tag separates acquisitions only if the longest has this many slices, unless
            their slices alternate.

    Raises:
        InputRejected: too few slices, no common plane, or several images at one position that no
            tag separates.
    """
    if len(slices) < min_slices:
        raise InputRejected(Reason.TOO_FEW_SLICES, f"{len(slices)} of at least {min_slices}")
    shared = plane.common_plane(slices)
    heights = plane.positions(slices) @ shared.normal
    images = _Images(slices, heights, SAME_POSITION_VOXELS * min(shared.spacing), min_slices)
    found = images.resolve(np.arange(len(slices)), "")
    if found is None:
        positions = len(images.by_position(np.arange(len(slices))))
        raise InputRejected(
            Reason.DUPLICATE_SLICES, f"{len(slices)} slices at {positions} positions"
        )
    return found


@dataclass(frozen=True)
class _Images:
    """The images of a series, to which the methods refer by index.

    Attributes:
        slices: in any order.
        heights: their positions along the normal.
        tolerance: distance of heights that are the same position, mm.
        min_slices: as for :func:`separate`.
    """

    slices: Sequence[CTSlice]
    heights: Heights
    tolerance: float
    min_slices: int

    def resolve(self, members: NDArray[np.intp], name: str) -> list[Acquisition] | None:
        """Separate some images, or return None if no tag does.

        Args:
            members: indices of the images to separate.
            name: name of these images among those of the series.
        """
        unique = self.without_copies(members)
        remaining = members if unique is None else unique
        slices, heights = [self.slices[i] for i in remaining], self.heights[remaining]
        copies = len(members) - len(remaining)
        short = None
        for groups in grouping.ways_to_separate(
            slices, heights, self.tolerance, repeated=unique is None
        ):
            found = self.resolve_each(remaining, groups, name)
            if found and max(len(one.slices) for one in found) >= self.min_slices:
                return _with_copies(found, copies)
            short = short or found
        if unique is None:
            return None
        if short:
            return _with_copies(short, copies)
        for groups in grouping.ways_to_divide(slices):
            found = self.resolve_each(remaining, groups, name)
            if found:
                return _with_copies(found, copies)
        return [Acquisition(slices, name, copies)]

    def resolve_each(
        self, members: NDArray[np.intp], groups: Mapping[str, Sequence[int]], name: str
    ) -> list[Acquisition] | None:
        """Separate each group of some images, or return None if no tag separates one of them."""
        found = []
        for value, group in sorted(groups.items()):
            parts = self.resolve(members[group], f"{name}/{value}" if name else value)
            if parts is None:
                return None
            found += parts
        return found

    def by_position(self, members: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        """Return the indices of the images at each position."""
        along = members[np.argsort(self.heights[members], kind="stable")]
        ends = np.flatnonzero(np.diff(self.heights[along]) >= self.tolerance) + 1
        return np.split(along, ends)

    def without_copies(self, members: NDArray[np.intp]) -> NDArray[np.intp] | None:
        """Return the index of an image for each position, or None if a position has other images.

        The copies of a series, exported twice with other headers, have one header among them.
        """
        unique = []
        for same in self.by_position(members):
            first, *others = same
            if others:
                first, *others = sorted(same, key=lambda i: _header_key(self.slices[i]))
            if not all(self.is_copy(self.slices[first], self.slices[i]) for i in others):
                return None
            unique.append(first)
        return np.array(unique)

    def is_copy(self, one: CTSlice, other: CTSlice) -> bool:
        """Return whether an image is another one again."""
        first, second = plane.positions([one, other])
        near = np.abs(first - second).max() < self.tolerance
        return bool(near) and pixels.same_pixels(one, other)


def _with_copies(found: list[Acquisition], copies: int) -> list[Acquisition]:
    """Count copies that were dropped before the separation with the first acquisition."""
    first, *others = found
    return [replace(first, copies=first.copies + copies), *others]


def _header_key(one: CTSlice) -> tuple[str, ...]:
    keywords = (*grouping.DISTINGUISHING_TAGS, "SOPInstanceUID")
    return tuple(header.text(one.header, keyword) for keyword in keywords)
