import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from syda.dicom import header
from syda.dicom.reject import InputRejected


def broken(keyword, vr, value):
    """A header whose one attribute has bytes that are no such value, as read from a file."""
    tag = pydicom.tag.Tag(keyword)
    return Dataset({tag: RawDataElement(tag, vr, len(value), value, 0, False, True)})


@pytest.fixture(params=[("ZZ", b"12"), ("FD", b"123")])
def damaged(request):
    return broken("RescaleSlope", *request.param)


def test_a_value_that_cannot_be_parsed_counts_as_missing(damaged):
    assert header.value(damaged, "RescaleSlope") is None
    assert header.text(damaged, "RescaleSlope") == ""
    with pytest.raises(InputRejected, match="missing_attribute: RescaleSlope"):
        header.numbers(damaged, "RescaleSlope", 1)


def test_values_are_returned():
    ds = Dataset()
    ds.PixelSpacing, ds.AcquisitionNumber, ds.ConvolutionKernel = [0.5, 0.7], 3, ""
    assert header.numbers(ds, "PixelSpacing", 2).tolist() == [0.5, 0.7]
    assert header.text(ds, "AcquisitionNumber") == "3"
    assert header.text(ds, "ConvolutionKernel") == ""
    assert header.text(ds, "PatientID") == ""


@pytest.mark.parametrize("value", [[1, 2], [1, 2, 3, 4], 1, [1, 2, float("nan")], "", None])
def test_a_position_is_three_finite_numbers(value):
    ds = Dataset()
    ds.ImagePositionPatient = value
    with pytest.raises(InputRejected, match="missing_attribute: ImagePositionPatient"):
        header.numbers(ds, "ImagePositionPatient", 3)
