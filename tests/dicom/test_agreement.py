import pytest

from syda.dicom import agreement
from syda.dicom.reject import Reason, SetAside


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID"])
def test_slices_of_two_patients_or_studies_are_no_series(ramp, as_slices, keyword):
    slices = as_slices(ramp)
    assert agreement.patient_id(slices) == "patient-1"
    setattr(slices[-1], keyword, "1.9")
    with pytest.raises(SetAside) as fault:
        agreement.patient_id(slices)
    assert (fault.value.reason, fault.value.detail) == (Reason.MIXED_IDENTITY, keyword)


def test_the_study_stands_for_a_patient_without_id(ramp, as_slices):
    slices = as_slices(ramp)
    for ds in slices:
        ds.PatientID = ""
    assert agreement.patient_id(slices) == "1.2"
    for ds in slices:
        del ds.StudyInstanceUID
    with pytest.raises(SetAside, match="missing_attribute"):
        agreement.patient_id(slices)


def test_a_pixel_format_that_differs_is_named(ramp, as_slices):
    slices = as_slices(ramp)
    assert agreement.unusual(slices) == []
    slices[3].RescaleIntercept = -1000
    del slices[4].PixelRepresentation
    assert agreement.unusual(slices) == ["PixelRepresentation", "RescaleIntercept"]


def test_pixels_longer_than_the_image_are_named(ramp, as_slices):
    slices = as_slices(ramp)
    slices[2].PixelData += b"\0\0"
    assert agreement.unusual(slices) == ["PixelData"]
