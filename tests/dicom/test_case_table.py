import json
import stat
from pathlib import Path

import pytest

from syda.dicom import case_table
from syda.dicom.facts import CohortFacts
from syda.dicom.identity import patient_pseudonym
from syda.dicom.outcome import Outcome
from syda.dicom.reject import Reason
from syda.errors import UsageError

KEY = b"key"
MILLER = patient_pseudonym(KEY, "MILLER")


@pytest.fixture
def written(tmp_path):
    sources = case_table.Sources(Path("raw"), Path("out"), [Path("raw/b/x.zip")])
    case = Outcome("c1", MILLER, {}, facts=CohortFacts("c1", MILLER, 4, enhanced_share=0.5))
    fault = Outcome("s1", reason=Reason.MISSING_SLICES)
    table = case_table.rows([Path("raw/a/2"), Path("raw/a/1")], [case], sources)
    table |= case_table.rows([Path("out/1/deep/1")], [fault], sources)
    case_table.write(tmp_path, "v9", table)
    return tmp_path


def test_a_patient_leads_to_cases_and_a_case_to_its_files(written):
    row = case_table.find(written, "v9", KEY, "MILLER")["c1"]
    assert (row["folder"], row["files"], row["enhanced_share"]) == ("a", ["a/1", "a/2"], 0.5)
    (fault,) = case_table.find(written, "v9", KEY, "s1").values()
    assert fault["files"] == ["b/x.zip/deep/1"]
    assert fault["reason"] == "missing_slices"


def test_only_the_owner_reads_it_and_it_holds_no_patient_id(written):
    folder = written / ".syda"
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "MILLER" not in file.read_text()
    case_table.write(written, "v9", {})
    assert json.loads(file.read_text()) == {}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [*folder.iterdir()] == [file]


def test_a_failed_write_leaves_the_table_before(written):
    before = (written / ".syda" / "cases-v9.json").read_text()
    with pytest.raises(ValueError, match="JSON"):
        case_table.write(written, "v9", {"c1": float("nan")})
    assert (written / ".syda" / "cases-v9.json").read_text() == before
    assert len([*(written / ".syda").iterdir()]) == 1


def test_an_unknown_patient_and_a_missing_table_are_wrong_use_without_the_name(written):
    for version, name in (("v9", "MEYER"), ("v8", "MILLER")):
        with pytest.raises(UsageError, match="who: ") as error:
            case_table.find(written, version, KEY, name)
        assert name not in str(error.value)
