import re

from syda.dicom.description import BODY_PARTS, UNPAIRED_BODY_PARTS


def test_the_terms_are_those_of_annex_l_and_two_of_earlier_editions():
    assert len(BODY_PARTS) == 320
    assert len(UNPAIRED_BODY_PARTS) == 65
    in_every_edition = {
        "ABDOMEN",
        "PANCREAS",
        "SPLEEN",
        "THORAX",
        "KIDNEY",
        "LSSPINE",
        "4THVENTRICLE",
    }
    assert in_every_edition | {"UPPERARM", "LOWERLEG", "ARM", "LEG"} <= BODY_PARTS


def test_a_term_is_a_code_string():
    """VR CS: at most 16 characters (PS3.5 6.2)."""
    assert not [term for term in BODY_PARTS if not re.fullmatch("[A-Z0-9]{3,16}", term)]
