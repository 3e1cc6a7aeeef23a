"""Runs that are killed, stopped or met by a second one: real processes, real signals.

What an undisturbed run makes of the same inputs is the measure throughout.
"""

import fcntl
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.exhaustive,
    pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's"),
]

STAGES = ("convert", "resample", "train")


def processes(root: Path) -> dict[int, list[str]]:
    """Living processes whose working folder lies in ``root``, with their command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            inside = entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(root)
            if inside:
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                found[int(entry.name)] = words
        except OSError:  # gone, or a zombie, which has no working folder
            continue
    return found


def wait_for(condition: Callable[[], object], what: str, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)


@dataclass
class Run:
    """A command that runs in a clone, with its own process group and a log."""

    root: Path
    process: subprocess.Popen[bytes]
    log: Path
    marks: dict[str, float] = field(default_factory=dict)

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def begins(self, stage: str) -> None:
        """Wait until DVC has started a stage, or the run is over."""
        line = f"> syda {stage}\n"
        wait_for(lambda: line in self.text() or self.process.poll() is not None, stage)
        self.marks[stage] = time.monotonic()

    def pid_of(self, command: str) -> int | None:
        """The process of ``dvc repro`` or of a stage, not a worker of it."""
        for pid, words in processes(self.root).items():
            if any(Path(word).name == command for word in words[:2]):
                return pid
        return None

    def send(self, target: str, signum: signal.Signals) -> None:
        """Signal ``dvc``, the ``syda`` that it runs, or the whole ``group``, as Ctrl-C does."""
        try:
            if target == "group":
                os.killpg(self.process.pid, signum)
            elif (pid := self.pid_of(target)) is not None:
                os.kill(pid, signum)
        except ProcessLookupError:  # it ended just now
            pass

    def ends(self) -> int:
        """Wait for it, and for whatever it left behind to be gone."""
        code = self.process.wait(timeout=600)
        wait_for(lambda: not processes(self.root), "the end of every process", 60)
        return code


@contextmanager
def running(clone, log: Path, *command: str) -> Iterator[Run]:
    """Start a command; whatever becomes of the test, nothing of it survives."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            ["env", "--default-signal=INT", *command],  # whatever this process ignores
            cwd=clone.root,
            env=clone.environment(),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    run = Run(clone.root, process, log)
    try:
        yield run
    finally:
        for pid in processes(clone.root):
            os.kill(pid, signal.SIGKILL)
        process.wait()


@contextmanager
def paused(clone) -> Iterator[None]:
    """Hold its processes still: what is tried meanwhile finds them amid their work."""
    held = processes(clone.root)
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in held:
            os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True)
class Undisturbed:
    """A clone whose cohort is made, and the result of a run without interruption.

    Attributes:
        start: the clone before convert; never changed.
        lock: dvc.lock after ``dvc repro train``.
        seconds: how long DVC took from the begin of each stage to the next.
        done: the clone after it.
    """

    start: object
    lock: bytes
    seconds: dict[str, float]
    done: object


def copy_of(clone, root: Path):
    shutil.copytree(clone.root, root, symlinks=True)
    return type(clone)(root)


@pytest.fixture(scope="module")
def undisturbed(make_clone, tmp_path_factory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("interruptions")
    start = make_clone(folder / "start")
    (start.root / "dvc.lock").unlink()  # of the default scale
    start.run("dvc", "repro", "phantom@v0")
    done = copy_of(start, folder / "done")
    with running(done, folder / "done.log", "dvc", "repro", "train") as run:
        for stage in (*STAGES[:2], "validate resampled", STAGES[2]):
            run.begins(stage)
        assert run.ends() == 0, run.text()
    marks = {**run.marks, "end": time.monotonic()}
    names = list(marks)
    seconds = {a: marks[b] - marks[a] for a, b in pairwise(names)}
    return Undisturbed(start, (done.root / "dvc.lock").read_bytes(), seconds, done)


def leftovers(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.glob("[!.]*/**/.*partial*")}


ROUNDS = [
    ("dvc", signal.SIGTERM),
    ("dvc", signal.SIGKILL),
    ("group", signal.SIGINT),
    ("syda", signal.SIGTERM),
    ("syda", signal.SIGKILL),
    ("syda", signal.SIGINT),
]


def is_unreadable(rwlock: Path) -> bool:
    try:
        json.loads(rwlock.read_bytes() if rwlock.exists() else b"{}")
    except ValueError:
        return True
    return False


def interrupt(clone, log: Path, stage: str, target: str, signum: signal.Signals, delay: float):
    """Send a signal into a stage; where it comes too late, begin again and send it earlier."""
    before = copy_of(clone, log.with_suffix(".before"))
    while True:
        with running(clone, log, "dvc", "repro", stage) as run:
            run.begins(stage)
            time.sleep(delay)
            run.send(target, signum)
            if run.ends() != 0:
                break
        shutil.rmtree(clone.root)
        copy_of(before, clone.root)
        delay /= 2
    shutil.rmtree(before.root)
    return run


def test_killed_at_random_moments_the_next_run_ends_as_if_nothing_had_been(
    undisturbed, tmp_path, monkeypatch
):
    clone = copy_of(undisturbed.start, tmp_path / "clone")
    rng = random.Random(1)
    for number, (target, signum) in enumerate(rng.sample(ROUNDS, len(ROUNDS))):
        shell = ("/bin/bash", "/bin/sh")[number % 2]
        monkeypatch.setenv("SHELL", shell)  # DVC runs stages through it; dash stays in between
        stage = STAGES[number // 2]
        delay = rng.random() * undisturbed.seconds[stage]
        before = leftovers(clone.root)
        log = tmp_path / f"{number}.log"
        run = interrupt(clone, log, stage, target, signum, delay)
        message = f"{signum.name} to {target} {delay:.1f} s into {stage}:\n{run.text()}"
        if (target, signum) != ("syda", signal.SIGKILL):  # no process can tidy up after that one
            assert leftovers(clone.root) <= before, message
        if signum == signal.SIGTERM:
            assert "Traceback" not in run.text(), message
        if is_unreadable(clone.root / ".dvc/tmp/rwlock"):  # DVC died while it wrote the file
            clone.run("syda", "doctor", "--repair")
    clone.run("dvc", "repro", "train")
    assert (clone.root / "dvc.lock").read_bytes() == undisturbed.lock
    assert leftovers(clone.root) == set()
    assert "up to date" in clone.run("dvc", "status", "train")


def test_a_training_killed_three_times_goes_on_under_dvc(undisturbed, tmp_path):
    clone = copy_of(undisturbed.start, tmp_path / "clone")
    clone.run("dvc", "repro", "pack")
    clone.run("dvc", "repro", "validate@records")
    checkpoints = clone.root / ".work/train"
    for number in range(3):
        before = set(checkpoints.rglob("*.pt"))
        with running(clone, tmp_path / f"{number}.log", "dvc", "repro", "train") as run:
            wait_for(lambda before=before: set(checkpoints.rglob("*.pt")) - before, "a checkpoint")
            run.send("syda", signal.SIGKILL)
            assert run.ends() != 0, run.text()
        assert ("train: continues after" in run.text()) == (number > 0)
    assert "train: continues after" in clone.run("dvc", "repro", "train")
    assert (clone.root / "dvc.lock").read_bytes() == undisturbed.lock


def test_a_second_repro_is_refused_and_the_first_unharmed(undisturbed, tmp_path):
    clone = copy_of(undisturbed.start, tmp_path / "clone")
    with running(clone, tmp_path / "first.log", "dvc", "repro", "train") as first:
        wait_for(lambda: "images" in first.text(), "the training's bar")
        with paused(clone):
            refused = clone.run("dvc", "repro", "train", code=255)
            alone = clone.run("syda", "train", code=2)
        assert re.search(r"ERROR: .* is busy, it is being blocked by:\n .*dvc repro train", refused)
        assert "Running stage" not in refused
        assert alone == "syda: stage train is already running here: wait for it, or stop that run\n"
        assert first.ends() == 0, first.text()
    assert (clone.root / "dvc.lock").read_bytes() == undisturbed.lock


def test_a_repro_beside_a_stage_without_dvc_is_refused_by_the_stage(undisturbed, tmp_path):
    clone = copy_of(undisturbed.done, tmp_path / "clone")
    clone.run("dvc", "repro", "pack")
    with running(clone, tmp_path / "first.log", "syda", "train") as first:
        wait_for(lambda: "images" in first.text(), "the training's bar")
        with paused(clone):
            refused = clone.run("dvc", "repro", "-f", "-s", "train", code=255)
        assert refused.count("syda: stage train is already running here") == 1
        assert "Traceback" not in refused
        assert first.ends() == 0, first.text()
    clone.run("dvc", "commit", "-f", "train")
    assert (clone.root / "dvc.lock").read_bytes() == undisturbed.lock


def test_a_stage_that_ends_while_another_dvc_is_busy_is_not_lost(undisturbed, tmp_path):
    clone = copy_of(undisturbed.done, tmp_path / "clone")
    manifest = clone.root / "reports/manifest/pack.json"
    with running(clone, tmp_path / "first.log", "dvc", "repro", "-f", "-s", "pack") as first:
        first.begins("pack")
        with (clone.root / ".dvc/tmp/lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            wait_for(manifest.exists, "the end of the work")
            time.sleep(6)  # DVC would wait for three
        assert first.ends() == 0, first.text()
    assert (clone.root / "dvc.lock").read_bytes() == undisturbed.lock


def test_a_locked_mlflow_store_is_a_warning_and_the_weights_are_the_same(undisturbed, tmp_path):
    clone = copy_of(undisturbed.done, tmp_path / "clone")
    store = sqlite3.connect(clone.root / ".mlflow/mlflow.db", isolation_level=None)
    store.execute("BEGIN EXCLUSIVE")
    shown = clone.run("dvc", "repro", "-f", "-s", "train")
    store.close()
    assert shown.count("warning: training continues without MLflow") == 1
    assert "database is locked" in shown
    assert "Traceback" not in shown
    assert (clone.root / "dvc.lock").read_bytes() == undisturbed.lock
