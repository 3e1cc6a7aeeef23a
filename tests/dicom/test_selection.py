import dataclasses
import re

import numpy as np
import pytest

from syda.dicom import selection
from syda.dicom.reject import EXCLUSIONS, Reason, SetAside

CASE = "c0123456789abcdef"
OPEN = selection.Rules(["CT"], [], "any", 0.0, 3000.0, 10.0, {})


@pytest.fixture
def ds(make_slice):
    return make_slice(np.zeros((2, 2)), (0, 0, 0))


def reason(check):
    with pytest.raises(SetAside) as fault:
        check()
    assert fault.value.reason in EXCLUSIONS
    return fault.value.reason


def test_the_widest_rules_let_a_silent_header_through(ds):
    selection.check_header(CASE, ds, OPEN)
    selection.check_geometry(5.0, 200.0, OPEN)


def test_each_rule_leaves_out_what_it_says(ds):
    def by_header(**change):
        rules = dataclasses.replace(OPEN, **change)
        return reason(lambda: selection.check_header(CASE, ds, rules))

    assert by_header(body_parts=["ABDOMEN"]) is Reason.OTHER_BODY_PART  # it states none
    ds.BodyPartExamined = "chest"
    assert by_header(body_parts=["ABDOMEN", "PELVIS"]) is Reason.OTHER_BODY_PART
    selection.check_header(CASE, ds, dataclasses.replace(OPEN, body_parts=["CHEST"]))

    without = dataclasses.replace(OPEN, contrast="without")
    selection.check_header(CASE, ds, without)
    ds.SeriesDescription = "portal venous"
    assert by_header(contrast="without") is Reason.CONTRAST_AGENT

    assert by_header(exclude={CASE: "stone"}) is Reason.READER_STONE
    selection.check_header("c" + "f" * 16, ds, dataclasses.replace(OPEN, exclude={CASE: "stone"}))

    ds.Modality = "PT"
    assert by_header() is Reason.OTHER_MODALITY
    del ds.Modality
    assert by_header() is Reason.OTHER_MODALITY


def test_extent(ds):
    rules = dataclasses.replace(
        OPEN, min_length_mm=200.0, max_length_mm=400.0, max_slice_spacing_mm=5.0
    )
    selection.check_geometry(5.0, 200.0, rules)
    selection.check_geometry(5.0, 400.0, rules)
    assert reason(lambda: selection.check_geometry(5.0, 195.0, rules)) is Reason.SCAN_LENGTH
    assert reason(lambda: selection.check_geometry(5.0, 405.0, rules)) is Reason.SCAN_LENGTH
    assert reason(lambda: selection.check_geometry(5.01, 200.4, rules)) is Reason.SLICE_DISTANCE


def test_a_body_part_that_no_series_can_state_is_refused():
    with pytest.raises(ValueError, match="no known body part: ABDOMAN"):
        dataclasses.replace(OPEN, body_parts=["ABDOMAN"])


def test_every_finding_is_a_reason():
    assert len(selection.FINDINGS) == 9
    for finding in selection.FINDINGS:
        assert re.fullmatch(selection.EXCLUDED, f"{CASE} {finding}")
        assert Reason(f"reader_{finding}") in EXCLUSIONS
    assert not re.fullmatch(selection.EXCLUDED, f"{CASE} Miller")
