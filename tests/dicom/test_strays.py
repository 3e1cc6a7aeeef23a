import numpy as np
import pytest

from syda.dicom import strays
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Reason

CORONAL = (1, 0, 0, 0, 0, -1)


def leave_out(slices, min_slices=4):
    found = strays.leave_out([CTSlice(ds, ds) for ds in slices], min_slices, synthetic=False)
    return [one.header for one in found]


@pytest.fixture
def stack(scan):
    return scan([(-6, -5, 5.0 * k) for k in range(8)])


def test_nothing_is_left_out_of_a_stack(stack):
    assert leave_out(stack) == stack


def scout(ds):
    ds.ImageOrientationPatient, ds.ImageType = list(CORONAL), ["ORIGINAL", "PRIMARY", "OTHER"]


def other_size(ds):
    ds.Rows, ds.PixelData = 4, ds.PixelData[: 4 * 7 * 2]


def other_spacing(ds):
    ds.PixelSpacing = [0.5, 0.5]


def dose_page(ds):
    ds.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE"]


def colour(ds):
    ds.PhotometricInterpretation, ds.SamplesPerPixel = "RGB", 3


def unplaced(ds):
    del ds.ImagePositionPatient, ds.ImageOrientationPatient, ds.PixelSpacing


def screenshot_of_a_slice(ds):
    """The plane and position of a slice, and grey of 16 bits."""
    ds.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    ds.PixelData = np.full(63, 1500, "<i2").tobytes()


@pytest.mark.parametrize(
    "change",
    [scout, other_size, other_spacing, dose_page, colour, unplaced, screenshot_of_a_slice],
)
@pytest.mark.parametrize("count", [1, 3])
def test_a_few_other_images_are_left_out(stack, scan, change, count):
    others = scan([(-6, -5, 10.0 + 5 * k) for k in range(count)])
    for ds in others:
        change(ds)
    assert leave_out([*others, *stack]) == stack


@pytest.mark.parametrize("kind", [["DERIVED", "SECONDARY", "REFORMATTED"], None])
@pytest.mark.parametrize("count", [6, 30])
def test_reformats_are_left_out_however_many(stack, scan, kind, count):
    """They may have the Image Type of the slices, but a scanner takes transverse slices."""
    coronal = scan([(-6, 5 * k, 40) for k in range(count)], orientation=CORONAL)
    for ds in coronal:
        ds.ImageType = kind or ds.ImageType
    assert leave_out([*coronal, *stack]) == stack


def test_images_between_the_slices_are_slices_whatever_their_type(stack):
    for ds in stack[2:4]:
        ds.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
    assert leave_out(stack) == stack


def test_two_stacks_of_one_plane_with_other_pixels_are_rejected(stack, scan):
    other = scan([(-6, -5, 5.0 * k) for k in range(8)], spacing=(0.75, 1.0))
    with pytest.raises(InputRejected, match="mixed_geometry: PixelSpacing"):
        leave_out([*stack, *other])


def test_a_series_of_another_quantity_is_rejected_with_its_reason(stack):
    for ds in stack:
        ds.RescaleType = "EDW"
    with pytest.raises(InputRejected) as fault:
        leave_out(stack)
    assert fault.value.reason is Reason.NOT_HU


def test_projections_beside_the_slices_are_left_out(stack, scan):
    projections = scan([(-6, -5, 5.0 * k) for k in range(8)])
    for ds in projections:
        ds.ImageType = ["DERIVED", "SECONDARY", "AXIAL", "MIP"]
    assert leave_out([*projections, *stack]) == stack


def test_decimal_rounding_of_spacing_and_orientation_makes_no_other_plane(stack):
    for ds in stack[::2]:
        ds.PixelSpacing = [1.5004, 2.0003]
        ds.ImageOrientationPatient = [1, 0.0004, 0, -0.0004, 1, 0]
    assert leave_out(stack) == stack
