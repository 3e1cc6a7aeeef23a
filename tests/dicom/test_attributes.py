import numpy as np
import pydicom
import pytest

from syda.dicom import attributes

EMPTY = {"sex", "age_band", "kvp", "tube_current_ma", "kernel", "manufacturer", "body_part"}


@pytest.fixture(autouse=True)
def _headers_as_bad_as_real_ones():
    with pydicom.config.disable_value_validation():
        yield


@pytest.fixture
def ds(make_slice):
    return make_slice(np.zeros((2, 2)), (0, 0, 0))


def test_allowed_attributes_pass(ds, make_slice):
    ds.KVP, ds.ConvolutionKernel, ds.Manufacturer = 120, ["B30f", "3"], "SIEMENS Healthineers"
    ds.PatientPosition, ds.BodyPartExamined = "HFS", "abdomen"
    ds.XRayTubeCurrent = 100
    other = make_slice(np.zeros((2, 2)), (0, 0, 5))
    other.XRayTubeCurrent = 300
    assert attributes.describe([ds, other], 5.0, 10.0) == {
        "sex": "F",
        "age_band": "40-44",
        "kvp": 120.0,
        "tube_current_ma": 200.0,
        "kernel": "B30f",
        "slice_thickness_mm": 5.0,
        "pixel_spacing_mm": 1.5,
        "slice_spacing_mm": 5.0,
        "scan_length_mm": 10.0,
        "manufacturer": "Siemens",
        "contrast": None,
        "patient_position": "HFS",
        "body_part": "ABDOMEN",
    }


def test_missing_attributes_are_none(ds):
    del ds.PatientSex, ds.PatientAge
    found = attributes.describe([ds], 5.0, 5.0)
    assert {name for name in EMPTY if found[name] is not None} == set()


@pytest.mark.parametrize("term", ["PANCREAS", "pancreas ", "SPLEEN", "THORAX", "LOWERLEG", "LEG"])
def test_a_defined_term_of_the_body_part_passes(ds, term):
    ds.BodyPartExamined = term
    assert attributes.body_part(ds) == term.strip().upper()


def test_no_free_text_passes(ds):
    for element in ("Manufacturer", "ConvolutionKernel", "BodyPartExamined", "PatientPosition"):
        setattr(ds, element, "CANARY")
    ds.PatientSex = ds.PatientAge = "CANARY"
    ds.ContrastBolusAgent = "CANARY 300"
    found = attributes.describe([ds], 5.0, 5.0)
    assert "CANARY" not in str(found)
    assert found["contrast"] is True
    assert found["manufacturer"] == "other"


@pytest.mark.parametrize(
    ("kernels", "passes"),
    [
        (["B30f", "Br40d", "I30f", "FC08", "STANDARD", "STD+", "B", "UB", "YA", "L"], True),
        (["Jo42", "A19", "b30f", "FC99", "MILLER", "STANDARD MILLER", "X"], False),
    ],
)
def test_only_kernels_of_manufacturers_pass(ds, kernels, passes):
    for kernel in kernels:
        ds.ConvolutionKernel = kernel
        found = attributes.describe([ds], 5.0, 5.0)["kernel"]
        assert found == (kernel if passes else None)


@pytest.mark.parametrize("keyword", ["KVP", "XRayTubeCurrent", "SliceThickness"])
@pytest.mark.parametrize(
    "typed", ["19481122", "0", "-5", "nan", "inf", ["120", "19481122"], "MILLER"]
)
def test_an_implausible_number_is_none(ds, keyword, typed):
    ds.add_new(keyword, "LO", typed)
    name = {"KVP": "kvp", "XRayTubeCurrent": "tube_current_ma"}.get(keyword, "slice_thickness_mm")
    assert attributes.describe([ds], 5.0, 5.0)[name] is None


@pytest.mark.parametrize(
    ("age", "band"),
    [("043Y", "40-44"), ("045Y", "45-49"), ("018M", "0-4"), ("089Y", "85-89"), ("101Y", "90+")],
)
def test_ages_are_bands(ds, age, band):
    ds.PatientAge = age
    assert attributes.describe([ds], 5.0, 5.0)["age_band"] == band


@pytest.mark.parametrize(
    ("born", "band"),
    [("19810101", "40-44"), ("19751122", "45-49"), ("19751121", "50-54"), ("x", None)],
)
def test_age_from_the_dates(ds, born, band):
    ds.PatientAge = ""
    ds.PatientBirthDate, ds.StudyDate = born, "20251121"
    assert attributes.describe([ds], 5.0, 5.0)["age_band"] == band
