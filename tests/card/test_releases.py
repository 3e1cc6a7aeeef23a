"""Releases on disk: their order, and what does not escape notice in one."""

import json
from pathlib import Path

import pytest

from syda.card import releases
from syda.card.schema import SCHEMA
from syda.errors import CheckFailed
from syda.runtime.outputs import as_json, write_bytes, write_json

FOLDER = Path("model_card/releases")
CARD = {"$schema": "card.schema.json", "schema": SCHEMA, "status": {}, "sections": {}, "inputs": {}}


def release(root, version, **changes):
    files = {
        releases.CARD: as_json(CARD),
        releases.DETAILS: as_json({"figures": 0.123}),
        "reports/more.txt": b"more",
    }
    record = {
        "schema": releases.SCHEMA, "report_version": version, "model_version": "0.1",
        "data": {"version": "v0", "raw_sha256": "a" * 64, "records_sha256": "b" * 64},
        "weights": {"sha256": "c" * 64, "bytes": 3}, "code": {"train": "d" * 64},
        "commit": "e" * 40,
        "files": {name: releases.sha256(data) for name, data in files.items()},
    }  # fmt: skip
    for name, data in files.items():
        write_bytes(root / FOLDER / version / name, data)
    write_json(root / FOLDER / version / releases.RECORD, record | changes)
    return FOLDER / version


def test_releases_are_in_the_order_of_their_numbers(tmp_path):
    for version in ("0.10", "0.9", "1", "0.9.1"):
        release(tmp_path, version)
    (tmp_path / FOLDER / "README.md").write_text("text")
    (tmp_path / FOLDER / ".2.partial").mkdir()
    found = releases.read(tmp_path, FOLDER)
    assert [one.version for one in found] == ["0.9", "0.9.1", "0.10", "1"]
    assert [one.version for one in releases.before(found, "0.10")] == ["0.9", "0.9.1"]
    assert len(releases.before(found, "draft")) == 4


def test_no_release_is_none(tmp_path):
    (tmp_path / FOLDER).mkdir(parents=True)
    assert releases.read(tmp_path, FOLDER) == []


def test_a_release_as_it_was_made_has_no_fault(tmp_path):
    assert releases.faults(tmp_path, release(tmp_path, "0.1")) == []


def alter(file):
    text = file.read_text()
    file.write_text(text.replace("0.123", "0.124"))


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda base: alter(base / releases.DETAILS), "details.json: is not what was released"),
        (lambda base: (base / releases.DETAILS).unlink(), "details.json: is missing"),
        (lambda base: (base / releases.RECORD).unlink(), "release.json: is missing"),
        (lambda base: (base / releases.RECORD).write_text("{"), "release.json: not readable"),
        (lambda base: (base / "more.md").write_text("x"), "more.md: was not released"),
        (lambda base: base.rename(base.with_name("0.2")), "report_version: is not the folder's"),
    ],
)
def test_what_is_done_to_a_release_is_named(tmp_path, edit, told):
    edit(tmp_path / release(tmp_path, "0.1"))
    (version,) = releases.versions(tmp_path, FOLDER)
    assert any(told in fault for fault in releases.faults(tmp_path, FOLDER / version))
    with pytest.raises(CheckFailed, match="a release never changes: `git checkout` it"):
        releases.read(tmp_path, FOLDER)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"commit": "main"}, "release.json#/commit: String should match"),
        ({"approved": True}, "release.json#/approved: Extra inputs"),
        ({"schema": "syda-release-9"}, "release.json#/schema: Input should be 'syda-release-1'"),
        ({"files": {}}, "release.json#/files: lacks model_card/card.json"),
    ],
)
def test_a_record_is_held_to_its_structure(tmp_path, changes, told):
    base = release(tmp_path, "0.1", **changes)
    assert any(told in fault for fault in releases.faults(tmp_path, base))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema": "syda-card-0"}, "card.json#/schema: 'syda-card-0' is none that was ever"),
        ({"status": 3}, "card.json#/status: Input should be"),
    ],
)
def test_a_card_is_held_to_the_structure_of_its_own_schema(tmp_path, changes, told):
    base = release(tmp_path, "0.1")
    data = as_json(CARD | changes)
    write_bytes(tmp_path / base / releases.CARD, data)
    record = json.loads((tmp_path / base / releases.RECORD).read_text())
    record["files"][releases.CARD] = releases.sha256(data)
    write_json(tmp_path / base / releases.RECORD, record)
    (fault,) = releases.faults(tmp_path, base)
    assert told in fault
