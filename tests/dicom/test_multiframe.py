from copy import deepcopy

import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset

from syda.dicom import acquisitions, attributes, multiframe, series
from syda.dicom.reject import InputRejected, Reason

HEIGHTS = np.arange(6) * 2.5
ROUNDED = (0.5, 0.0)
"""Error in HU of voxels that are right, and no air."""


def item(**tags):
    made = Dataset()
    for keyword, value in tags.items():
        setattr(made, keyword, value)
    return made


def enhanced(slices, *, shared=("PixelMeasuresSequence", "PlaneOrientationSequence")):
    """One Enhanced CT of these slices; macros named in ``shared`` stand there, the rest a frame."""
    file = deepcopy(slices[0])
    file.SOPClassUID = file.file_meta.MediaStorageSOPClassUID = uid.EnhancedCTImageStorage
    file.NumberOfFrames = len(slices)
    file.AcquisitionNumber = 99  # the number of the frame counts
    file.PixelData = b"".join(ds.PixelData for ds in slices)
    groups = []
    for number, ds in enumerate(slices):
        group = Dataset()
        group.PixelMeasuresSequence = [
            item(PixelSpacing=ds.PixelSpacing, SliceThickness=ds.SliceThickness)
        ]
        group.PlaneOrientationSequence = [item(ImageOrientationPatient=ds.ImageOrientationPatient)]
        group.PlanePositionSequence = [item(ImagePositionPatient=ds.ImagePositionPatient)]
        group.PixelValueTransformationSequence = [
            item(RescaleSlope=ds.RescaleSlope, RescaleIntercept=ds.RescaleIntercept)
        ]
        group.FrameContentSequence = [
            item(
                FrameAcquisitionNumber=ds.get("AcquisitionNumber", 1), InStackPositionNumber=number
            )
        ]
        group.CTImageFrameTypeSequence = [item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])]
        group.CTExposureSequence = [item(XRayTubeCurrentInmA=123.4)]
        groups.append(group)
    common = Dataset()
    for macro in shared:
        common[macro] = groups[0][macro]
        for group in groups:
            del group[macro]
    file.SharedFunctionalGroupsSequence = [common]
    file.PerFrameFunctionalGroupsSequence = groups
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "SliceThickness",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        delattr(file, keyword)
    return file


@pytest.fixture
def slices(scan):
    return scan([(-6, -5, 40 + h) for h in HEIGHTS])


@pytest.mark.parametrize(
    "shared",
    [(), ("PixelMeasuresSequence", "PlaneOrientationSequence", "PixelValueTransformationSequence")],
)
@pytest.mark.parametrize("seed", [None, 0, 1])
def test_frames_in_any_order_give_the_volume_of_the_slices(
    slices, as_volume, off_ramp, shared, seed
):
    order = range(6) if seed is None else np.random.default_rng(seed).permutation(6)
    volume = as_volume(multiframe.slices(enhanced([slices[i] for i in order], shared=shared)))
    assert off_ramp(volume) == ROUNDED
    plain = as_volume(slices)
    np.testing.assert_array_equal(volume.hu, plain.hu)
    np.testing.assert_array_equal(volume.affine, plain.affine)


def test_slope_and_intercept_are_of_the_frame(slices, as_volume, off_ramp):
    for number, ds in enumerate(slices):
        hu = ds.pixel_array.astype(int) - 1024
        ds.RescaleSlope, ds.RescaleIntercept = 0.5, -900 - number
        ds.PixelData = ((hu + 900 + number) * 2).astype("<i2").tobytes()
    assert off_ramp(as_volume(multiframe.slices(enhanced(slices[::-1])))) == ROUNDED


@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.RLELossless], ids=lambda s: s.keyword)
def test_packed_frames(slices, as_volume, off_ramp, syntax):
    file = enhanced(slices[::-1])
    file.compress(syntax)
    assert off_ramp(as_volume(multiframe.slices(file))) == ROUNDED


def test_a_file_read_from_disk(tmp_path, slices, save_slices, as_volume, off_ramp):
    folder = save_slices(tmp_path, [enhanced(slices[:3]), enhanced(slices[3:])])
    files = sorted(folder.iterdir())
    assert series.series_uid(files[0]) == "1.2.3"
    assert off_ramp(as_volume(series.read_slices(files))) == ROUNDED


def test_acquisitions_of_frames_are_separated(slices, scan):
    for ds in slices:
        ds.AcquisitionNumber = 2
        ds.PixelData = (ds.pixel_array + np.int16(1)).tobytes()
    first = scan([(-6, -5, 40 + h) for h in HEIGHTS])
    mixed = [ds for pair in zip(first, slices, strict=True) for ds in pair]
    found = acquisitions.separate(multiframe.slices(enhanced(mixed)), 3)
    assert [(one.name, len(one.slices)) for one in found] == [
        ("AcquisitionNumber=1", 6),
        ("AcquisitionNumber=2", 6),
    ]


def test_scout_frames_are_left_out(slices):
    file = enhanced(slices)
    scout = file.PerFrameFunctionalGroupsSequence[2].CTImageFrameTypeSequence[0]
    scout.FrameType = ["ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"]
    assert [one.frame for one in multiframe.slices(file)] == [0, 1, 3, 4, 5]


def test_attributes_are_those_of_a_slice(slices):
    file = enhanced(slices)
    file.ContrastBolusAgentSequence = [item(CodeValue="1")]
    headers = [one.header for one in multiframe.slices(file)]
    found = attributes.describe(headers, 2.5, 15.0)
    plain = attributes.describe(slices, 2.5, 15.0)
    assert found == plain | {"tube_current_ma": 123.0, "contrast": True}


@pytest.mark.parametrize("frames", [None, 5])
def test_frames_without_a_description_are_rejected(slices, frames):
    file = enhanced(slices)
    if frames:
        file.NumberOfFrames = frames
    else:
        del file.PerFrameFunctionalGroupsSequence
    with pytest.raises(InputRejected, match="PerFrameFunctionalGroupsSequence") as fault:
        multiframe.slices(file)
    assert fault.value.reason is Reason.MISSING_ATTRIBUTE
