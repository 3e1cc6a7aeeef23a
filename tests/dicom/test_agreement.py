from syda.dicom import agreement
from syda.dicom.plane import Slice


def wrapped(slices):
    return [Slice(ds, ds) for ds in slices]


def test_a_pixel_format_that_differs_is_named(ramp, as_slices):
    slices = as_slices(ramp)
    assert agreement.unusual(wrapped(slices)) == []
    slices[3].RescaleIntercept = -1000
    del slices[4].PixelRepresentation
    assert agreement.unusual(wrapped(slices)) == ["PixelRepresentation", "RescaleIntercept"]


def test_pixels_longer_than_the_image_are_named(ramp, as_slices):
    slices = as_slices(ramp)
    slices[2].PixelData += b"\0\0"
    assert agreement.unusual(wrapped(slices)) == ["PixelData"]


def test_frames_share_their_pixels(ramp, as_slices):
    source = as_slices(ramp)[0]
    source.NumberOfFrames, source.PixelData = 2, source.PixelData * 2
    frames = [Slice(source, source, number) for number in range(2)]
    assert agreement.unusual(frames) == []
    source.PixelData += b"\0\0"
    assert agreement.unusual(frames) == ["PixelData"]
