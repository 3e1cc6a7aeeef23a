from pathlib import Path

import pytest

from syda.card import documents
from syda.card.configuration import parameters
from syda.card.documents import Document
from syda.card.inputs import check_digests
from syda.errors import CheckFailed, CorruptData


def test_a_pointer_escapes_what_json_pointers_escape():
    document = Document("m.json", {"writes": {"data/a~b": {"sha256": "x"}}}, "")
    fact = document.fact("digest", "writes", "data/a~b", "sha256")
    assert fact.sources == ("m.json#/writes/data~1a~0b/sha256",)
    assert fact.value == "x"


def test_a_missing_value_names_its_pointer():
    with pytest.raises(CorruptData, match=r"m\.json#/a/b"):
        Document("m.json", {"a": {}}, "").fact("b", "a", "b")


@pytest.mark.parametrize("text", ["{", "[NaN]", "[Infinity]", "[1e400]", "[-1e400]"])
def test_what_is_no_finite_json_is_refused(tmp_path, text):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(CorruptData, match=r"m\.json"):
        documents.read(tmp_path, Path("m.json"))


def manifest(stage, reads, writes):
    content = {
        "reads": {path: {"sha256": sha} for path, sha in reads.items()},
        "writes": {path: {"sha256": sha} for path, sha in writes.items()},
    }
    return Document(f"{stage}.json", content, "")


def test_a_run_that_agrees_passes():
    manifests = {
        "pack": manifest("pack", {}, {"records": "1"}),
        "train": manifest("train", {"records": "1"}, {"r.json": "2"}),
    }
    check_digests([Document("r.json", {}, "2")], manifests)


def test_a_report_that_no_stage_wrote_is_refused():
    with pytest.raises(CheckFailed, match="not in any manifest"):
        check_digests([Document("r.json", {}, "2")], {})


def test_parameters_show_each_value_with_its_stages():
    manifests = {
        "convert": Document("c.json", {"params": {"ct": {"size": 16, "hu_min": -1024}}}, ""),
        "train": Document("t.json", {"params": {"ct": {"size": 32}}}, ""),
        "evaluate": Document("e.json", {"params": {"ct": {"size": 32}}}, ""),
    }
    found = [(name, fact.value, stages) for name, fact, stages in parameters(manifests)]
    assert found == [
        ("ct.hu_min", -1024, ["convert"]),
        ("ct.size", 16, ["convert"]),
        ("ct.size", 32, ["train", "evaluate"]),
    ]
