import numpy as np
import pytest

from syda.dicom import acquisitions
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Irregularity

HEIGHTS = [40.0, 42.5, 45.0, 47.5]


@pytest.fixture
def stack(scan):
    """A stack of the ramp, all HU brighter by ``more``, with tags a slice: {keyword: values}."""

    def stack(more=0, heights=HEIGHTS, **tags):
        slices = scan([(-6, -5, h) for h in heights])
        for number, ds in enumerate(slices):
            ds.PixelData = (ds.pixel_array + np.int16(more)).tobytes()
            ds.SOPInstanceUID = f"1.2.{more}.{number}"
            for keyword, values in tags.items():
                setattr(ds, keyword, values[number] if isinstance(values, list) else values)
        return slices

    return stack


def separate(slices, min_slices=3):
    return acquisitions.separate([CTSlice(ds, ds) for ds in slices], min_slices)


def members(found):
    return [{id(s.header) for s in one.slices} for one in found]


def ids(slices):
    return {id(ds) for ds in slices}


def test_slices_at_different_positions_are_one_acquisition_whatever_their_tags(stack):
    """Step and shoot: an AcquisitionNumber a table position, and one volume."""
    slices = stack(
        AcquisitionNumber=[1, 1, 2, 2], AcquisitionTime=["101501", "101501", "101502", "101502"]
    )
    (found,) = separate(slices)
    assert members([found]) == [ids(slices)]
    assert (found.name, found.copies, found.irregularities) == ("", 0, frozenset())


def test_copies_are_dropped(stack):
    slices, again = stack(), stack()
    for ds in again:
        ds.SOPInstanceUID += ".9"
    (found,) = separate([again[2], *slices, again[0]])
    assert members([found]) == [ids(slices)]
    assert found.copies == 2
    assert found.irregularities == {Irregularity.COPIES_DROPPED}


def test_the_same_position_with_other_pixels_is_no_copy(stack):
    slices, other = stack(), stack(1)
    with pytest.raises(InputRejected, match="duplicate_slices: 5 slices at 4 positions"):
        separate([*slices, other[2]])


def test_the_same_pixels_at_another_position_are_no_copy(stack):
    slices, other = stack(), stack()
    other[2].ImagePositionPatient = [-5, -5, 45]
    with pytest.raises(InputRejected, match="duplicate_slices"):
        separate([*slices, other[2]])


@pytest.mark.parametrize(
    ("keyword", "one", "two"),
    [
        ("AcquisitionNumber", 1, 2),
        ("TemporalPositionIdentifier", 1, 2),
        ("AcquisitionDateTime", "20200101235959", "20200102000001"),
        ("AcquisitionTime", "101500.5", "101530"),
        ("ContentTime", "101500", "101530"),
        ("ConvolutionKernel", "B30f", "B60f"),
    ],
)
def test_a_tag_separates_acquisitions(stack, keyword, one, two):
    first, second = stack(**{keyword: one}), stack(1, **{keyword: two})
    shuffled = [ds for pair in zip(second, first, strict=True) for ds in pair]
    found = separate(shuffled)
    assert [one.name for one in found] == [f"{keyword}={one}", f"{keyword}={two}"]
    assert members(found) == [ids(first), ids(second)]
    assert found[0].irregularities == {Irregularity.SEVERAL_ACQUISITIONS}


@pytest.mark.parametrize("keyword", ["AcquisitionTime", "ContentTime"])
def test_a_time_that_increases_from_slice_to_slice_separates_passes(stack, keyword):
    first = stack(**{keyword: ["101500", "101501", "101502", "101503"]})
    second = stack(1, **{keyword: ["101523", "101522", "101521", "101520"]})  # on the way back
    found = separate(second + first)
    assert members(found) == [ids(first), ids(second)]
    assert found[0].name == f"{keyword}=101500"


def test_a_name_does_not_depend_on_the_other_acquisitions(stack):
    three = [stack(n, AcquisitionNumber=n) for n in (3, 5, 8)]
    every = separate([ds for one in three for ds in one])
    two = separate([*three[0], *three[2]])
    assert [one.name for one in two] == [every[0].name, every[2].name]


def test_copies_are_dropped_from_each_acquisition(stack):
    first, second = stack(AcquisitionNumber=1), stack(1, AcquisitionNumber=2)
    found = separate([*first, *second, stack(AcquisitionNumber=1)[3]])
    assert [one.copies for one in found] == [1, 0]


def test_a_scan_repeated_here_and_there_is_not_split_into_pieces(stack):
    """Each position twice, one after the other: no pass holds a stack."""
    times = [[f"10150{n + first}" for n in (1, 3, 5, 7)] for first in (0, 1)]
    slices = stack(ContentTime=times[0]) + stack(1, ContentTime=times[1])
    with pytest.raises(InputRejected, match="duplicate_slices: 8 slices at 4 positions"):
        separate(slices)


def test_a_tag_whose_longest_group_is_no_stack_separates_nothing(stack):
    slices = stack(heights=[40.0] * 4, AcquisitionNumber=[12, 13, 14, 15])
    for number, ds in enumerate(slices):
        ds.PixelData = (ds.pixel_array + np.int16(number)).tobytes()
    with pytest.raises(InputRejected, match="duplicate_slices: 4 slices at 1 positions"):
        separate(slices)


def test_a_tag_that_separates_only_some_acquisitions_is_not_used(stack):
    slices = stack(AcquisitionNumber=1) + stack(1, AcquisitionNumber=1)
    with pytest.raises(InputRejected, match="duplicate_slices: 12 slices at 4 positions"):
        separate(slices + stack(2, AcquisitionNumber=2))


def test_too_few_slices(stack):
    with pytest.raises(InputRejected, match="too_few_slices: 4 of at least 5"):
        separate(stack(), 5)
