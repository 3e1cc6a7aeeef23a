from syda.dicom import consistency
from syda.dicom.plane import CTSlice


def wrapped(slices):
    return [CTSlice(ds, ds) for ds in slices]


def test_a_pixel_format_that_differs_is_named(ramp, as_slices):
    slices = as_slices(ramp)
    assert consistency.find_unusual_attributes(wrapped(slices)) == []
    slices[3].RescaleIntercept = -1000
    del slices[4].PixelRepresentation
    assert consistency.find_unusual_attributes(wrapped(slices)) == [
        "PixelRepresentation",
        "RescaleIntercept",
    ]


def test_pixels_longer_than_the_image_are_named(ramp, as_slices):
    slices = as_slices(ramp)
    slices[2].PixelData += b"\0\0"
    assert consistency.find_unusual_attributes(wrapped(slices)) == ["PixelData"]


def test_frames_share_their_pixels(ramp, as_slices):
    source = as_slices(ramp)[0]
    source.NumberOfFrames, source.PixelData = 2, source.PixelData * 2
    frames = [CTSlice(source, source, number) for number in range(2)]
    assert consistency.find_unusual_attributes(frames) == []
    source.PixelData += b"\0\0"
    assert consistency.find_unusual_attributes(frames) == ["PixelData"]
