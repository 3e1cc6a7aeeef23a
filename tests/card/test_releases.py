"""Releases on disk: their order, their size, and what is noticed when one is changed."""

import json
from pathlib import Path

import pytest

from syda import paths
from syda.card import releases
from syda.card.snapshots import Snapshot
from syda.errors import CheckFailed
from syda.runtime.outputs import write_json

REPOSITORY = Path(__file__).parents[2]
FOLDER = Path("model_card/releases")
LIMIT = 60_000
"""Bytes of a release's file, at most."""


def fact(value, kind="measured", **more):
    return {"value": value, "kind": kind, **more}


VALUES = {
    "5.figures_holdout.kid.synthetic": fact(0.123, unit="HU"),
    "5.figures_train.kid.synthetic": fact(0.5),
    "5.goals_met": fact(3, "derived"),
    "1.author": fact(None, "absent", owner="project owner"),
    "1.model_version": fact("0.1", "declared"),
}
SNAPSHOT = Snapshot(VALUES, {}, {"kid_poly3": {"title": "kid", "sha256": "a" * 64}}, {})


def release(root, version, **changes):
    commit = ("e" * 40, "2026-01-31")
    content = releases.content(SNAPSHOT, version, commit, {"in": "b" * 64}, {"out": "c" * 64})
    path = releases.file_of(FOLDER, version)
    write_json(root / path, content | changes)
    return path


def test_releases_are_in_the_order_of_their_numbers(tmp_path):
    for version in ("0.10", "0.9", "1", "0.9.1"):
        release(tmp_path, version)
    (tmp_path / FOLDER / "README.md").write_text("text")
    (tmp_path / FOLDER / ".2.json.partial").write_text("{")
    found = releases.read(tmp_path, FOLDER)
    assert [one.version for one in found] == ["0.9", "0.9.1", "0.10", "1"]
    assert [one.version for one in releases.before(found, "0.10")] == ["0.9", "0.9.1"]
    assert len(releases.before(found, "draft")) == 4


def test_a_release_holds_the_values_that_later_cards_show(tmp_path):
    path = release(tmp_path, "0.1")
    assert releases.faults(tmp_path, path) == []
    (found,) = releases.read(tmp_path, FOLDER)
    values = found.snapshot().values
    assert values.keys() == VALUES.keys() - {"5.figures_train.kid.synthetic"}
    figure = found.fact("KID", "5.figures_holdout.kid.synthetic")
    assert (figure.value, figure.unit) == (0.123, "HU")
    assert figure.sources == (f"{path}#/measured/5.figures_holdout.kid.synthetic",)
    assert found.fact("n", "9.nothing") is None
    assert values["1.author"]["owner"] == "project owner"


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda file: file.write_text(file.read_text().replace("0.123", "0.124")), "0.1.json: is"),
        (lambda file: file.write_text("{"), "0.1.json: not readable"),
        (lambda file: file.rename(file.with_name("0.2.json")), "is not the name of the file"),
    ],
)
def test_a_changed_release_is_refused(tmp_path, edit, expected):
    edit(tmp_path / release(tmp_path, "0.1"))
    (version,) = releases.versions(tmp_path, FOLDER)
    (fault,) = releases.faults(tmp_path, releases.file_of(FOLDER, version))
    assert expected in fault
    with pytest.raises(CheckFailed, match="a release never changes: `git checkout` it"):
        releases.read(tmp_path, FOLDER)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"commit": "main"}, "0.1.json#/commit: String should match"),
        ({"date": "yesterday"}, "0.1.json#/date: String should match"),
        ({"approved": True}, "0.1.json#/approved: Extra inputs"),
        ({"schema": "syda-release-9"}, "0.1.json#/schema: Input should be 'syda-release-2'"),
        ({"inputs": {"a": "short"}}, "0.1.json#/inputs/a: String should match"),
    ],
)
def test_the_structure_of_a_release_is_checked(tmp_path, changes, expected):
    path = release(tmp_path, "0.1", **changes)
    assert any(expected in fault for fault in releases.faults(tmp_path, path))


def test_the_committed_releases_are_small_and_name_every_file_of_the_card():
    for one in releases.read(REPOSITORY, paths.RELEASES):
        file = REPOSITORY / releases.file_of(paths.RELEASES, one.version)
        assert file.stat().st_size <= LIMIT
        assert json.loads(file.read_text())["outputs"].keys() == {
            path.as_posix()
            for path in (
                paths.CARD, paths.CARD_HTML, paths.CARD_JSON, paths.CARD_SCHEMA, paths.DATA_PAGE,
            )
        }  # fmt: skip
