"""Leave out images of a series that are no slices of its stack: scouts, dose pages, reformats.

A series is what a scanner or an archive stored under one UID. Beside the stack it may hold a scout
view, a screenshot, reformats of another plane, or images of another size. They are left out and
counted. A series in which two stacks differ in plane or size is rejected.

Source: DICOM PS3.3 C.7.6.1.1.2 (Image Type), C.7.6.2 (Image Plane Module).
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from pydicom.tag import Tag

from syda.dicom import header, plane, quantity, stack
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Irregularity, Reason

_IMAGE_TYPE = Tag("ImageType")


def leave_out(slices: Sequence[CTSlice], min_slices: int, synthetic: bool) -> list[CTSlice]:
    """Return the slices of the stack, or of the stacks of one plane, in their order.

    Args:
        slices: images of one series.
        min_slices: fewer images are no stack.
        synthetic: whether synthetic images are accepted.

    Raises:
        InputRejected: most images are no HU, lack an attribute, or differ in plane or size; or one
            is synthetic, and synthetic images are not accepted.
    """
    keys = [header.unparsed(one.header, quantity.TAGS) for one in slices]
    of_key = dict(zip(keys, slices, strict=True))
    fault_of = {key: quantity.fault(one.header, synthetic) for key, one in of_key.items()}
    faults = [fault_of[key] for key in keys]
    sound = [one for one, fault in zip(slices, faults, strict=True) if fault is None]
    found = [fault for fault in faults if fault is not None]
    for fault in found:
        if fault.reason is Reason.SYNTHETIC:
            raise fault
    if len(sound) < min_slices and 0 < len(found) >= len(sound):
        raise found[0]
    return _of_main_type(_of_main_plane(sound, min_slices), min_slices)


def _of_main_plane(slices: list[CTSlice], min_slices: int) -> list[CTSlice]:
    """Leave out images of other planes and sizes than those of the stack."""
    groups = _by_plane(slices)
    if len(groups) <= 1:
        return slices
    main = max(groups, key=lambda group: (len(group) >= min_slices, _rank(group), len(group)))
    strays = [group for group in groups if group is not main]
    if len(main) < min_slices or not all(
        len(group) < min_slices or _rank(group) < _rank(main) for group in strays
    ):
        plane.positions(slices)
        plane.common_plane(slices)  # raises the attribute that differs or is missing
    return main


def _by_plane(slices: Sequence[CTSlice]) -> list[list[CTSlice]]:
    """Group images by plane and size. Those that lack one of its attributes are one group."""
    if _share_plane(slices):
        return [list(slices)]
    groups: list[list[CTSlice]] = []
    unplaced: list[CTSlice] = []
    for one in slices:
        if not _share_plane([one]):
            unplaced.append(one)
            continue
        same = next((group for group in groups if _share_plane([group[0], one])), None)
        if same is None:
            groups.append([one])
        else:
            same.append(one)
    return groups + [unplaced] * bool(unplaced)


def _share_plane(slices: Sequence[CTSlice]) -> bool:
    """Return whether images have a position each, and one plane and size."""
    try:
        plane.positions(slices)
        plane.common_plane(slices)
    except InputRejected:
        return False
    return True


def _rank(group: Sequence[CTSlice]) -> tuple[bool, bool]:
    """Return whether images are transverse, and whether they are original.

    A scanner takes slices across the patient. Others of the same series are reformats of them.
    """
    first = group[0]
    if not _share_plane([first]):
        return False, False
    tilt = np.degrees(np.arccos(min(1.0, abs(plane.common_plane([first]).normal[2]))))
    original = header.terms(first.header, "ImageType")[:1] != ["DERIVED"]
    return bool(tilt <= stack.MAX_TILT_DEGREES), original


def _of_main_type(slices: list[CTSlice], min_slices: int) -> list[CTSlice]:
    """Leave out a few images of another Image Type if the others are a stack without them alone.

    A screenshot may have a copy of the plane and the position of a slice.
    """
    if len({header.unparsed(one.header, [_IMAGE_TYPE]) for one in slices}) <= 1:
        return slices
    types = [tuple(header.terms(one.header, "ImageType")) for one in slices]
    ((main, count),) = Counter(types).most_common(1)
    if not 0 < len(slices) - count < min_slices <= count or _is_stack(slices):
        return slices
    others = [one for one, kind in zip(slices, types, strict=True) if kind == main]
    return others if _is_stack(others) else slices


def _is_stack(slices: Sequence[CTSlice]) -> bool:
    try:
        return not stack.arrange(slices, 2, False).irregularities - {Irregularity.GANTRY_TILT}
    except InputRejected:
        return False
