import re

import numpy as np
import pytest

from syda.dicom import config, selection
from syda.dicom.reject import EXCLUSIONS, InputRejected, Reason

CASE = "c0123456789abcdef"


@pytest.fixture
def rules(convert_params):
    """Rules of the cohort, the widest where nothing is changed."""
    return lambda **changes: (
        convert_params({f"select.{k}": v for k, v in changes.items()})[0].select
    )


@pytest.fixture
def ds(make_slice):
    return make_slice(np.zeros((2, 2)), (0, 0, 0))


def reason(check, *args):
    with pytest.raises(InputRejected) as error:
        check(*args)
    assert error.value.reason in EXCLUSIONS
    return error.value.reason


def test_the_widest_rules_accept_a_header_that_states_nothing(ds, rules):
    selection.check_header(CASE, ds, rules())
    selection.check_geometry(5.0, 200.0, rules())


def test_each_rule_of_the_header_excludes_what_it_names(ds, rules):
    def by_header(**changes):
        return reason(selection.check_header, CASE, ds, rules(**changes))

    assert by_header(body_parts=["ABDOMEN"]) is Reason.OTHER_BODY_PART  # it states none
    ds.BodyPartExamined = "chest"
    assert by_header(body_parts=["ABDOMEN", "PELVIS"]) is Reason.OTHER_BODY_PART
    selection.check_header(CASE, ds, rules(body_parts=["CHEST"]))

    selection.check_header(CASE, ds, rules(contrast="without"))
    ds.SeriesDescription = "portal venous"
    assert by_header(contrast="without") is Reason.CONTRAST_AGENT

    assert by_header(exclude=[f"{CASE} stone"]) is Reason.READER_STONE
    selection.check_header("c" + "f" * 16, ds, rules(exclude=[f"{CASE} stone"]))

    ds.Modality = "PT"
    assert by_header() is Reason.OTHER_MODALITY
    del ds.Modality
    assert by_header() is Reason.OTHER_MODALITY


@pytest.mark.parametrize(
    ("spacing_mm", "length_mm", "expected"),
    [
        (5.0, 195.0, Reason.SCAN_LENGTH),
        (5.0, 405.0, Reason.SCAN_LENGTH),
        (5.01, 200.4, Reason.SLICE_DISTANCE),
    ],
)
def test_the_rules_of_spacing_and_length_include_their_bounds(
    rules, spacing_mm, length_mm, expected
):
    bounds = rules(min_length_mm=200.0, max_length_mm=400.0, max_slice_spacing_mm=5.0)
    selection.check_geometry(5.0, 200.0, bounds)
    selection.check_geometry(5.0, 400.0, bounds)
    assert reason(selection.check_geometry, spacing_mm, length_mm, bounds) is expected


def test_every_finding_is_a_reason():
    for finding in config.FINDINGS:
        assert re.fullmatch(config.EXCLUDED_CASE, f"{CASE} {finding}")
        assert Reason(f"reader_{finding}") in EXCLUSIONS
