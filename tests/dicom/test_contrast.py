import pytest
from pydicom.dataset import Dataset

from syda.dicom.contrast import contrast


@pytest.mark.parametrize(
    "description",
    [
        "Abd portal venous 1.5",
        "ABD_PORTAL_VENOUS",
        "arterial",
        "THORAX C+",
        "CT abdomen +C",
        "CTA Abd",
        "with contrast",
        "W/WO CONTRAST",
        "with and without contrast",
        "delayed 5min",
        "Abdomen nephrographic",
        "native, then portovenous",
        "post contrast",
        "ABD MIT KM",
    ],
)
def test_a_description_tells_of_contrast(description):
    ds = Dataset()
    ds.SeriesDescription = description
    assert contrast(ds) is True


@pytest.mark.parametrize(
    "description",
    [
        "non-contrast",
        "NONCONTRAST",
        "Abdomen w/o contrast",
        "ABD WO",
        "without IV contrast",
        "native",
        "Abdomen nativ 5.0",
        "unenhanced",
        "non enhanced",
        "pre-contrast",
        "ABD C-",
        "no contrast",
        "NCCT",
        "ohne KM",
    ],
)
def test_a_description_denies_contrast(description):
    ds = Dataset()
    ds.ProtocolName = description
    assert contrast(ds) is False


@pytest.mark.parametrize(
    "description", ["", "CT CH/AB/PEL", "PET-CT SERIES", "C-SPINE 2.0", "Abd 5 cm"]
)
def test_silence_proves_nothing(description):
    ds = Dataset()
    ds.SeriesDescription, ds.ContrastBolusAgent = description, ""
    assert contrast(ds) is None


@pytest.mark.parametrize(
    ("agent", "told"), [("GASTRO & OMNI", True), ("APPLIED", True), ("NONE", False), ("w/o", False)]
)
def test_the_agent_counts_unless_it_says_none(agent, told):
    ds = Dataset()
    ds.ContrastBolusAgent = agent
    assert contrast(ds) is told


def test_either_sign_is_enough():
    ds = Dataset()
    ds.ContrastBolusAgent, ds.SeriesDescription = "NONE", "portal venous"
    assert contrast(ds) is True
    ds.ContrastBolusRoute, ds.SeriesDescription = "IV", "native"
    assert contrast(ds) is True
