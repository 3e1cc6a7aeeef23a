"""A flipped byte, wherever it is, is found and named, and nothing else is."""

import shutil

import pytest

from syda.errors import CorruptData, UsageError
from syda.integrity import verify


def places(root, **options):
    return [fault.where for fault in verify.run(root, **options).faults]


def test_a_finished_run_is_as_recorded(small):
    report = verify.run(small.root)
    assert report.faults == []
    assert report.summary.startswith("2 stages, ")
    assert report.summary.endswith(", 4 objects of the cache included")  # 3 files and a listing


@pytest.mark.parametrize(
    "path", ["data/halves/one", "data/halves/deep/two", "reports/halves.json", "src/halves.sh"]
)
def test_a_flipped_byte_in_the_workspace_is_named(small, flip, path):
    flip(small.root / path)
    (where,) = places(small.root)
    assert where == ("src" if path.startswith("src/") else path)


def test_a_flipped_byte_in_a_read_only_object_is_named(small, flip):
    stored = small.object_of("data/halves/one")
    assert stored.stat().st_mode & 0o222 == 0
    flip(stored)
    small.run("dvc", "status", "-q")  # exit 0: DVC does not see it
    (fault,) = verify.run(small.root).faults
    assert fault.where == stored.relative_to(small.root).as_posix()
    assert fault.what == "damaged cache object of data/halves/one"


def test_a_file_that_links_into_the_cache_is_one_fault(small, flip):
    stored = small.object_of("data/left")
    assert stored.samefile(small.root / "data/left")
    flip(small.root / "data/left")
    (fault,) = verify.run(small.root).faults
    assert fault.where == stored.relative_to(small.root).as_posix()
    assert "data/left is the same file" in fault.what


def test_a_damaged_folder_listing_is_named(small, flip):
    (listing,) = (small.root / ".dvc/cache").rglob("*.dir")
    flip(listing)
    (fault,) = verify.run(small.root).faults
    assert fault.where == listing.relative_to(small.root).as_posix()
    assert fault.what == "damaged cache object of data/halves"


def test_an_object_of_an_older_run_is_looked_at_too(small, flip):
    old = small.root / ".dvc/cache/files/md5/c4/ca4238a0b923820dcc509a6f75849b"  # md5 of "1"
    old.parent.mkdir()
    old.write_text("1")
    assert places(small.root) == []
    flip(old)
    assert places(small.root) == [old.relative_to(small.root).as_posix()]


def test_every_digit_of_the_lock_counts(small):
    lock = small.root / "dvc.lock"
    text = lock.read_text()
    for old, new, expected in (
        ("number: 2", "number: 3", "params.yaml"),
        ("size: 8\n", "size: 9\n", "dvc.lock"),
        ("nfiles: 2", "nfiles: 3", "dvc.lock"),
        ("cmd: sh src", "cmd: sh  src", "dvc.lock"),
        ("path: data/left", "path: data/lefs", "dvc.lock"),
        ("whole@left", "whole@lefs", "dvc.lock"),
    ):
        assert old in text
        lock.write_text(text.replace(old, new, 1))
        assert expected in places(small.root), old
    lock.write_text(text)
    assert places(small.root) == []


def test_a_changed_md5_in_the_lock_is_named(small):
    lock = small.root / "dvc.lock"
    before, outs, after = lock.read_text().partition("    outs:\n    - path: data/halves\n")
    head, md5, rest = after.partition(" md5: ")
    lock.write_text(before + outs + head + md5 + ("1" if rest[0] == "0" else "0") + rest[1:])
    assert sorted(places(small.root)) == ["data/halves", "dvc.lock"]


def test_a_changed_parameter_is_one_line_with_both_values(small):
    small.write("params.yaml", "halves: {number: 2, of: [1, 2e-4]}\n")
    (fault,) = verify.run(small.root).faults
    assert str(fault).startswith(
        "params.yaml: halves.of is [1, 0.0002] here, dvc.lock recorded [1, 0.0001] for halves: "
    )


def test_missing_and_new_files_of_a_folder_are_named(small):
    (small.root / "data/halves/one").rename(small.root / "data/halves/three")
    found = {fault.where: fault.what for fault in verify.run(small.root).faults}
    assert found == {"data/halves/one": "is missing", "data/halves/three": "is new"}


def test_an_absent_output_is_a_fault_unless_it_may_be_absent(small):
    shutil.rmtree(small.root / "data")
    shutil.rmtree(small.root / ".dvc/cache")
    assert sorted(places(small.root)) == ["data/halves", "data/left"]
    report = verify.run(small.root, allow_missing=True)
    assert report.faults == []
    assert report.summary.endswith("2 outputs not here, not checked: data/halves, data/left")
    (small.root / "reports/halves.json").unlink()  # git has it: it may not be absent
    assert places(small.root, allow_missing=True) == ["reports/halves.json"]


def test_a_stage_that_never_ran_is_named(small):
    with (small.root / "dvc.yaml").open("a") as stream:
        stream.write("  last: {cmd: 'true', deps: [data/left], outs: [data/last]}\n")
    (fault,) = verify.run(small.root).faults
    assert (fault.where, fault.what) == ("dvc.lock", "has no stage last")


@pytest.mark.parametrize("content", [b"", b"schema: '2.0'\n", b"schema: '2.0'\nstages:\n  a: {"])
def test_a_lock_without_stages_is_refused(small, content):
    (small.root / "dvc.lock").write_bytes(content)
    with pytest.raises(CorruptData, match=r"^dvc\.lock: not readable \(.*\): `syda doctor`$"):
        verify.run(small.root)


def test_what_was_added_by_hand_is_held_to_its_dvc_file(small, flip):
    small.write("data/raw/v2/scan", "voxels")
    small.run("dvc", "add", "-q", "data/raw/v2")
    assert places(small.root) == []
    flip(small.root / "data/raw/v2/scan")
    found = places(small.root)
    assert len(found) == 1
    assert found[0] == "data/raw/v2/scan" or found[0].startswith(".dvc/cache")


def test_a_dvc_file_that_waits_for_its_scans_is_no_fault(small):
    small.write("data/raw/v2/scan", "voxels")
    small.write("data/raw/v2.dvc", "outs:\n- path: v2\n  push: false\n")
    assert places(small.root) == []


def test_it_writes_nothing(small):
    before = {p: p.stat().st_mtime_ns for p in small.root.rglob("*") if p.is_file()}
    verify.run(small.root)
    assert before == {p: p.stat().st_mtime_ns for p in small.root.rglob("*") if p.is_file()}


def test_a_folder_without_dvc_is_wrong_use(tmp_path):
    with pytest.raises(UsageError, match="no DVC repository"):
        verify.run(tmp_path)


def test_a_running_stage_is_waited_for(small):
    from syda.runtime import guard

    with guard.exclusive(small.root, "train"), pytest.raises(UsageError, match="stage train runs"):
        verify.run(small.root)


def test_faults_read_as_one_line(small, flip):
    flip(small.root / "reports/halves.json")
    (fault,) = verify.run(small.root).faults
    assert str(fault) == (
        "reports/halves.json: is not what dvc.lock recorded: "
        "`git checkout -- reports/halves.json` if git has the right one, or `dvc repro`"
    )
