"""What killed and cut-off runs leave is named, repaired, and DVC goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from syda.errors import UsageError
from syda.integrity import crash_checks, doctor, processes, verify
from syda.integrity.dvc_repository import DvcRepository
from syda.runtime import guard


def look(small, symptom=None):
    repository = DvcRepository(small.root)
    try:
        chosen = (symptom,) if symptom else doctor.CRASH_CHECKS
        return [str(found) for each in chosen for found in each(repository)]
    finally:
        repository.close()


def repair(small, symptom):
    repository = DvcRepository(small.root)
    try:
        return [found.repair() for found in symptom(repository)]
    finally:
        repository.close()


def test_a_sound_repository_has_no_symptom(small):
    assert look(small) == []


@pytest.mark.parametrize("length", [0, 1, 200, -1, -40])
def test_a_cut_off_lock_is_restored_and_dvc_goes_on(small, length):
    lock = small.root / "dvc.lock"
    whole = lock.read_bytes()
    lock.write_bytes(whole[:length])
    (found,) = look(small, crash_checks.damaged_lock)
    assert found.startswith("dvc.lock: ")
    assert repair(small, crash_checks.damaged_lock) == [
        "restored dvc.lock from git's HEAD; the damaged one is .work/doctor/dvc.lock.1"
    ]
    assert lock.read_bytes() == whole
    assert (small.root / ".work/doctor/dvc.lock.1").read_bytes() == whole[:length]
    small.run("dvc", "status", "-q")
    assert look(small) == []


def test_a_lock_cut_between_two_stages_reads_well_and_is_noticed(small):
    lock = small.root / "dvc.lock"
    text = lock.read_text()
    lock.write_text(text[: text.index("  whole@left")])
    (found,) = look(small, crash_checks.damaged_lock)
    assert found.startswith("dvc.lock: stage whole@left is gone, which git's HEAD has: ")


def test_a_stage_taken_out_of_dvc_yaml_is_no_damage(small):
    pipeline = small.root / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().partition("  whole:")[0])
    lock = small.root / "dvc.lock"
    lock.write_text(lock.read_text().partition("  whole@left")[0])
    assert look(small, crash_checks.damaged_lock) == []


def test_a_lost_lock_that_git_has_not_is_moved_away(small):
    small.run("git", "rm", "-q", "--cached", "dvc.lock")
    small.run("git", "commit", "-q", "-m", "no lock")
    (small.root / "dvc.lock").write_bytes(b"")
    assert repair(small, crash_checks.damaged_lock) == [
        "moved dvc.lock away; the damaged one is .work/doctor/dvc.lock.1"
    ]
    assert not (small.root / "dvc.lock").exists()
    assert look(small, crash_checks.damaged_lock) == []


@pytest.mark.slow
def test_finished_stages_that_a_lost_lock_named_are_kept_by_a_commit(small):
    """The advice that doctor gives, followed: nothing runs again."""
    small.write("params.yaml", "halves: {number: 3}\n")
    small.run("dvc", "repro", "-q")
    finished = (small.root / "dvc.lock").read_bytes()
    (small.root / "dvc.lock").write_bytes(b"")
    repair(small, crash_checks.damaged_lock)
    assert (small.root / "dvc.lock").read_bytes() != finished
    small.run("dvc", "commit", "-q", "-f")
    assert (small.root / "dvc.lock").read_bytes() == finished
    assert verify.run(small.root).faults == []


def test_a_damaged_object_is_replaced_from_a_sound_copy(small, flip):
    stored = small.object_of("data/halves/one")
    flip(stored)
    (found,) = look(small)
    assert "damaged cache object of data/halves/one: replaces it from the workspace" in found
    repair(small, crash_checks.damaged_objects)
    assert stored.read_text() == "one\n"
    assert stored.stat().st_mode & 0o777 == 0o444
    assert verify.run(small.root).faults == []


@pytest.mark.slow
def test_a_damaged_object_and_its_link_go_and_dvc_makes_them_again(small, flip):
    stored = small.object_of("data/left")
    small.run("dvc", "status", "-q")
    flip(stored)
    small.run("dvc", "status", "-q")  # exit 0: DVC does not see it
    (found,) = look(small)
    assert found.endswith("removes it, so that `dvc pull` or `dvc repro` brings it back")
    repair(small, crash_checks.damaged_objects)
    assert not stored.exists()
    assert not (small.root / "data/left").exists()
    small.run("dvc", "repro", "-q")
    assert (small.root / "data/left").read_text() == "one\ntwo\n"
    assert verify.run(small.root).faults == []


def test_a_half_written_object_is_named_and_removed(small):
    stored = small.object_of("data/left")
    (small.root / "data/left").unlink()
    content = stored.read_bytes()
    stored.unlink()
    stored.write_bytes(content[:3])
    unfinished = stored.with_name(".AAAAAAAAAAAAAAAAAAAAAA.tmp")
    unfinished.write_bytes(b"o")
    assert len(look(small)) == 2
    repair(small, crash_checks.damaged_objects)
    repair(small, crash_checks.unfinished_outputs)
    assert list(stored.parent.iterdir()) == []
    assert look(small) == []


def test_unfinished_outputs_are_removed(small):
    small.write("data/.weights.partial/generator.json", "{")
    small.write("reports/.metrics.json.partial", "{")
    (found,) = look(small)
    assert found.startswith("2 unfinished files or folders, such as data/.weights.partial: ")
    repair(small, crash_checks.unfinished_outputs)
    assert not (small.root / "data/.weights.partial").exists()
    assert not (small.root / "reports/.metrics.json.partial").exists()
    assert look(small) == []


def test_an_unreadable_rwlock_is_removed(small):
    rwlock = small.root / ".dvc/tmp/rwlock"
    for content in ("", '{"read": ', '{"write": {"a": 1}}', "[]"):
        rwlock.write_text(content)
        (found,) = look(small)
        assert found.startswith(".dvc/tmp/rwlock: not readable: ")
        repair(small, crash_checks.stale_dvc_locks)
        assert not rwlock.exists()


def test_what_processes_that_are_no_dvc_hold_is_freed(small):
    """A number that another process has by now blocks DVC for good."""
    rwlock = small.root / ".dvc/tmp/rwlock"
    other = {"pid": os.getpid(), "cmd": "dvc repro"}
    rwlock.write_text(json.dumps({"write": {"a": other}, "read": {"b": [other]}}))
    (found,) = look(small)
    assert f"still names process {os.getpid()} (dvc repro)" in found
    repair(small, crash_checks.stale_dvc_locks)
    assert json.loads(rwlock.read_text()) == {"read": {}, "write": {}}
    assert look(small) == []


def test_nothing_is_repaired_while_a_stage_runs(small):
    with guard.exclusive(small.root, "train"):
        with pytest.raises(UsageError, match="stage train runs here"):
            list(doctor.run(small.root, repair=True))
        assert (True, "stage train runs here: its files were not checked") in list(
            doctor.run(small.root, repair=False)
        )


def test_a_dvc_that_holds_an_output_counts_as_running(small, tmp_path):
    script = tmp_path / "dvc"
    script.write_text("import sys; print(flush=True); sys.stdin.read()")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as dvc:
        dvc.stdout.readline()
        held = {"write": {"a": {"pid": dvc.pid, "cmd": "dvc repro"}}}
        (small.root / ".dvc/tmp/rwlock").write_text(json.dumps(held))
        assert processes.busy(small.root, small.root / ".dvc/tmp") == ["`dvc repro`"]
        dvc.communicate()
    assert processes.busy(small.root, small.root / ".dvc/tmp") == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are read from /proc")
def test_a_stage_that_lost_its_dvc_is_ended(small, tmp_path):
    """Started by a shell that ends at once, with the environment that DVC gives a stage."""
    script = tmp_path / "syda"
    script.write_text("import time; time.sleep(60)")
    environment = {**os.environ, "DVC_ROOT": str(small.root.resolve()), "DVC_STAGE": "train"}
    started = subprocess.run(
        f"{sys.executable} {script} train >/dev/null 2>&1 & echo $!",
        shell=True,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    pid = int(started.stdout)
    try:
        deadline = time.monotonic() + 10
        while not (found := processes.orphans(small.root.resolve())):
            assert time.monotonic() < deadline
        assert [number for number, _ in found] == [pid]
        assert repair(small, crash_checks.orphaned_stages) == [f"ended process {pid}"]
    finally:
        if processes.is_alive(pid):
            os.kill(pid, signal.SIGKILL)
    assert processes.orphans(small.root.resolve()) == []


def test_a_stage_below_a_living_dvc_is_no_orphan(small, tmp_path):
    (tmp_path / "syda").write_text("print(flush=True); import sys; sys.stdin.read()")
    (tmp_path / "dvc").write_text(
        f"import subprocess, sys; subprocess.run([sys.executable, {str(tmp_path / 'syda')!r}])"
    )
    environment = {**os.environ, "DVC_ROOT": str(small.root.resolve()), "DVC_STAGE": "train"}
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "dvc")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as dvc:
        dvc.stdout.readline()
        assert processes.orphans(small.root.resolve()) == []
        dvc.communicate()


def test_the_command_says_what_it_did(small):
    shutil.rmtree(small.root / "data/halves")
    (small.root / "dvc.lock").write_bytes(b"")
    message = list(doctor.run(small.root, repair=True))
    assert message[0] == (
        False,
        "dvc.lock: not readable (it is empty): restored dvc.lock from git's HEAD; "
        "the damaged one is .work/doctor/dvc.lock.1",
    )
