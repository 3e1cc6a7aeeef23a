import stat

import pytest

from syda.dicom import identity
from syda.errors import UsageError

KEY = b"k" * 32


def test_pseudonyms_depend_on_key_patient_and_series_alone():
    assert identity.patient_pseudonym(KEY, "7") == identity.patient_pseudonym(KEY, "7")
    assert identity.patient_pseudonym(KEY, "7") != identity.patient_pseudonym(KEY, "8")
    assert identity.patient_pseudonym(KEY, "7") != identity.patient_pseudonym(b"j" * 32, "7")
    assert identity.case_id(KEY, "7", "1.2") != identity.case_id(KEY, "7", "1.3")
    # the separator keeps ("ab", "c") and ("a", "bc") apart
    assert identity.case_id(KEY, "ab", "c") != identity.case_id(KEY, "a", "bc")


def test_pseudonyms_are_golden():
    """Case ids are names of files and decide the split: they never change."""
    assert identity.patient_pseudonym(KEY, "7") == "p1c26b64a64135700"
    assert identity.case_id(KEY, "7", "1.2") == "c4f825edc39178bff"


def test_a_new_key_is_private_random_and_never_replaced(tmp_path):
    path = tmp_path / ".syda" / "key"
    identity.new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = identity.read_key(path)
    assert len(first) == 32
    with pytest.raises(UsageError, match="exists"):
        identity.new_key(path)
    assert identity.read_key(path) == first
    path.unlink()
    identity.new_key(path)
    assert identity.read_key(path) != first


@pytest.mark.parametrize("content", ["", "xyz", "abcd"])
def test_a_missing_or_wrong_key_says_what_to_do(tmp_path, content):
    path = tmp_path / "key"
    with pytest.raises(UsageError, match="syda key new"):
        identity.read_key(path)
    path.write_text(content)
    with pytest.raises(UsageError, match="restore"):
        identity.read_key(path)
