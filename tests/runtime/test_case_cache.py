import json
import os

import pytest

from syda.params import Section
from syda.runtime.case_cache import CaseCache


class Params(Section):
    side: int


@pytest.fixture
def scans(tmp_path):
    (tmp_path / "scans").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "scans" / name).write_text(f"scan {name}")
    return tmp_path / "scans"


@pytest.fixture
def run(tmp_path, scans):
    """Run a stage that turns scans into upper case; return its files and which were computed."""

    def stage(version="1", names=None):
        cache, computed = CaseCache(tmp_path / "cache", version), []
        out = tmp_path / "out"
        for old in out.glob("*"):
            old.unlink()
        out.mkdir(exist_ok=True)
        cases = []
        for path in sorted(scans.iterdir()) if names is None else [scans / n for n in names]:

            def compute(folder, path=path):
                computed.append(path.name)
                (folder / f"{path.name}.txt").write_text(path.read_text().upper())
                return {"length": len(path.read_text())}

            cases.append(cache.case([path], out, compute))
        cache.prune(case.key for case in cases)
        return cases, computed, {p.name: p.read_text() for p in sorted(out.iterdir())}

    return stage


def test_a_second_run_computes_nothing_and_gives_the_same(run):
    first = run()
    assert first[1] == ["a", "b", "c"]
    assert first[2] == {"a.txt": "SCAN A", "b.txt": "SCAN B", "c.txt": "SCAN C"}
    cases, computed, files = run()
    assert computed == []
    assert files == first[2]
    assert [case.value for case in cases] == [{"length": 6}] * 3
    assert CaseCache.summary(cases) == "3 cases reused, 0 new"


def test_a_new_case_computes_one(run, scans):
    run()
    (scans / "d").write_text("scan d")
    cases, computed, files = run()
    assert computed == ["d"]
    assert files["d.txt"] == "SCAN D"
    assert CaseCache.summary(cases) == "3 cases reused, 1 new"


def test_a_changed_case_is_computed_and_a_removed_one_gone(run, scans, tmp_path):
    run()
    (scans / "a").write_text("other")
    (scans / "b").unlink()
    _, computed, files = run()
    assert computed == ["a"]
    assert files == {"a.txt": "OTHER", "c.txt": "SCAN C"}
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_another_version_computes_all(run):
    run()
    assert run("2")[1] == ["a", "b", "c"]


def test_names_and_order_of_the_inputs_do_not_matter_their_content_and_the_name_do(tmp_path, scans):
    cache = CaseCache(tmp_path / "cache", "1")

    def key(inputs, name=""):
        folder = tmp_path / "out"
        folder.mkdir(exist_ok=True)
        return cache.case(inputs, folder, lambda _: None, name=name).key

    a, b, c = (scans / name for name in "abc")
    (scans / "renamed").write_text("scan b")
    assert key([a, b]) == key([b, a]) == key([scans / "renamed", a])
    assert len({key([a, b]), key([a, c]), key([a]), key([a, a]), key([a], "other")}) == 5


@pytest.mark.parametrize("damage", ["flip", "remove", "add", "cut", "value"])
def test_a_damaged_entry_is_computed_anew(run, tmp_path, damage):
    sound = run(names=["a"])[2]
    (entry,) = (tmp_path / "cache").iterdir()
    if damage == "cut":
        text = (entry / "entry.json").read_text()
        (entry / "entry.json").write_text(text[: len(text) // 2])
    elif damage == "value":
        text = (entry / "entry.json").read_text()
        (entry / "entry.json").write_text(text.replace('"length": 6', '"length": 7'))
    elif damage == "add":
        (entry / "files" / "more.txt").write_text("more")
    elif damage == "remove":
        (entry / "files" / "a.txt").unlink()
    else:
        (entry / "files" / "a.txt").write_text("SCAN B")
    _, computed, files = run(names=["a"])
    assert computed == ["a"]
    assert files == sound


def test_a_result_that_may_not_last_is_computed_again(tmp_path, scans):
    cache = CaseCache(tmp_path / "cache", "1")
    computed = []

    def compute(folder):
        computed.append(1)
        (folder / "a.txt").write_text("half")
        return {"fault": "no memory"}

    for _ in range(2):
        result = cache.case(
            [scans / "a"], tmp_path, compute, cacheable=lambda value: not value["fault"]
        )
        assert result.value == {"fault": "no memory"}
        assert not result.reused
        assert (tmp_path / "a.txt").read_text() == "half"
        assert list((tmp_path / "cache").iterdir()) == []
    assert len(computed) == 2


def test_a_case_may_be_computed_twice_as_a_cluster_does(tmp_path, scans):
    cache = CaseCache(tmp_path / "cache", "1")

    def nested(folder):
        """Another worker finishes the same case while this one is at it."""
        inner = cache.case([scans / "a"], tmp_path, lambda f: (f / "a.txt").write_text("A"))
        assert not inner.reused
        return (folder / "a.txt").write_text("A")

    assert not cache.case([scans / "a"], tmp_path, nested).reused
    assert cache.case([scans / "a"], tmp_path, nested).reused
    assert (tmp_path / "a.txt").read_text() == "A"
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_stray_file_and_what_a_killed_run_left_do_no_harm(tmp_path, scans):
    cache = CaseCache(tmp_path / "cache", "1")
    result = cache.case([scans / "a"], tmp_path, lambda _: 1)
    (tmp_path / "cache/.DS_Store").write_text("stray")
    (tmp_path / f"cache/.{result.key}.abc.partial/files").mkdir(parents=True)
    cache.prune([result.key])
    assert {p.name for p in (tmp_path / "cache").iterdir()} == {".DS_Store", result.key}


def test_what_fails_leaves_no_entry(tmp_path, scans):
    cache = CaseCache(tmp_path / "cache", "1")

    def fail(folder):
        (folder / "half").write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.case([scans / "a"], tmp_path, fail)
    assert list((tmp_path / "cache").iterdir()) == []


def test_where_no_second_name_can_be_given_the_file_is_copied(run, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert run(names=["a"])[2] == {"a.txt": "SCAN A"}


def test_code_libraries_and_parameters_are_the_version(tmp_path, monkeypatch):
    def version(stage="resample", side=1):
        cache = CaseCache.of(
            tmp_path, stage, {"resample": Params(side=side), "ct": {"spacing_mm": 1.5}}
        )
        assert cache.folder == tmp_path / ".work/cases" / stage
        return cache.version

    first = version()
    assert version() == first
    assert len({first, version(side=2), version("convert")}) == 3
    monkeypatch.setattr("syda.runtime.manifest.direct_dependencies", lambda: {"numpy": "0"})
    assert version() != first


def test_an_entry_is_plain_files(run, tmp_path):
    run(names=["a"])
    (entry,) = (tmp_path / "cache").iterdir()
    assert sorted(p.name for p in entry.iterdir()) == ["entry.json", "files"]
    assert json.loads((entry / "entry.json").read_text())["value"] == {"length": 6}
