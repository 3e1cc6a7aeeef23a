import json

import nibabel as nib
import numpy as np
import pytest

from syda.expectations import descriptions

WINDOW = (-1000, 1000)
GOOD = {"case": "a", "patient": "p", "attributes": {"kvp": 120.0, "sex": None, "contrast": False}}


@pytest.fixture
def describe(tmp_path):
    """Row of a scan with this text beside it, or with nothing."""

    def describe(text, attributes=("kvp", "contrast")):
        path = tmp_path / "a.nii.gz"
        nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)), path)
        if text is not None:
            (tmp_path / "a.json").write_text(text)
        return descriptions.scan_row(path, WINDOW, attributes)

    return describe


def test_a_described_scan_has_no_fault_and_is_measured(describe):
    row = describe(json.dumps(GOOD))
    assert (row.fault, row.description_fault, row.attributes_missing) == (None, None, None)
    assert row.spacing_i == 1.0


def test_a_value_that_is_false_is_known_and_null_is_not(describe):
    row = describe(json.dumps(GOOD), ("sex", "contrast", "kvp", "kernel"))
    assert row.attributes_missing == "sex, kernel"
    assert row.description_fault is None


def test_without_description_nothing_is_known(describe):
    row = describe(None)
    assert row.description_fault == "a.json does not exist"
    assert row.attributes_missing == "kvp, contrast"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '"text"', "{}", json.dumps(GOOD | {"attributes": 3}), '{"case": "a"}'],
)
def test_what_is_no_description_is_a_fault_that_quotes_nothing(describe, text):
    row = describe(text)
    assert row.description_fault.startswith("a.json is no description (")
    assert row.attributes_missing == "kvp, contrast"


def test_the_description_of_another_case_is_a_fault_that_does_not_name_it(describe):
    row = describe(json.dumps(GOOD | {"case": "Jane Roe"}))
    assert row.description_fault == "a.json is of another case"
