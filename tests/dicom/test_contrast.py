import pytest
from pydicom.dataset import Dataset

from syda.dicom.contrast import contrast

GIVEN = (
    "Abd portal venous 1.5|ABD_PORTAL_VENOUS|arterial|THORAX C+|CT abdomen +C|CTA Abd|with contrast"
    "|W/WO CONTRAST|with and without contrast|delayed 5min|Abdomen nephrographic"
    "|native, then portovenous|post contrast|ABD MIT KM"
)
DENIED = (
    "non-contrast|NONCONTRAST|Abdomen w/o contrast|ABD WO|without IV contrast|native"
    "|Abdomen nativ 5.0|unenhanced|non enhanced|pre-contrast|ABD C-|no contrast|NCCT|ohne KM"
)
UNKNOWN = "|CT CH/AB/PEL|PET-CT SERIES|C-SPINE 2.0|Abd 5 cm"


@pytest.mark.parametrize("keyword", ["SeriesDescription", "ProtocolName"])
@pytest.mark.parametrize(("texts", "expected"), [(GIVEN, True), (DENIED, False), (UNKNOWN, None)])
def test_a_description_states_or_denies_contrast_or_neither(texts, expected, keyword):
    for text in texts.split("|"):
        ds = Dataset()
        ds.ContrastBolusAgent = ""
        setattr(ds, keyword, text)
        assert contrast(ds) is expected, text


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"ContrastBolusAgent": "GASTRO & OMNI"}, True),
        ({"ContrastBolusAgent": "APPLIED"}, True),
        ({"ContrastBolusAgent": "NONE"}, False),
        ({"ContrastBolusAgent": "w/o"}, False),
        ({"ContrastBolusAgent": "NONE", "SeriesDescription": "portal venous"}, True),
        ({"ContrastBolusRoute": "IV", "SeriesDescription": "native"}, True),
    ],
)
def test_agent_route_or_description_is_enough(tags, expected):
    ds = Dataset()
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    assert contrast(ds) is expected
