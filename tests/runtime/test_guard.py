import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from syda.errors import UsageError
from syda.runtime import guard

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
SLEEP = "import time; print('asleep', flush=True); time.sleep(300)"


def test_a_second_run_of_a_stage_is_refused_and_the_lock_is_freed(tmp_path):
    with guard.exclusive(tmp_path, "train"):
        with (
            pytest.raises(UsageError, match="train is already running"),
            guard.exclusive(tmp_path, "train"),
        ):
            pass
        with guard.exclusive(tmp_path, "pack"):
            pass
    with guard.exclusive(tmp_path, "train"):
        pass


def python(*lines: str, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-c", "\n".join(lines)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@LINUX
@pytest.mark.parametrize("moment", ["starting", "working"])
def test_workers_die_with_their_killed_parent(moment):
    script = (
        "import time",
        "from concurrent.futures import ProcessPoolExecutor",
        "from syda.runtime import engine",
        "list(engine.parallel_map(time.sleep, [300, 300], 'sleep', 'naps'))",
    )
    with python(*script, env=os.environ | {"SYDA_WORKERS": "2"}) as parent:
        wait_for(lambda: len(children(parent.pid)) == 3)  # two workers, one resource tracker
        begun = children(parent.pid)
        if moment == "working":
            wait_for(lambda: all(threads(pid) > 1 for pid in begun[1:]))  # one waits for the end
        parent.kill()
        wait_for(lambda: not any(alive(pid) for pid in begun))


@LINUX
@pytest.mark.parametrize("shell", ["bash", "dash"])
@pytest.mark.parametrize("origin", [".", "origin"], ids=["repro", "a queued experiment"])
def test_a_stage_dies_with_its_killed_dvc_whatever_shell_lies_between(tmp_path, shell, origin):
    """A queued experiment runs in a copy of the repository, and DVC_ROOT names the original."""
    stage = (
        "import os, time; from syda.runtime import guard; guard.die_with_dvc(); "
        "print(os.getpid(), flush=True); time.sleep(300)"
    )
    command = f"{sys.executable} -c {shlex.quote(stage)}"
    dvc = (
        "import json, os, pathlib, subprocess, sys",
        "os.makedirs('.dvc/tmp')",
        "lock = {'write': {'out': {'pid': os.getpid(), 'cmd': 'dvc repro'}}, 'read': {}}",
        "pathlib.Path('.dvc/tmp/rwlock').write_text(json.dumps(lock))",
        f"subprocess.run([{shell!r}, '-c', {command!r}])",
    )
    environment = os.environ | {"DVC_STAGE": "train", "DVC_ROOT": str(tmp_path / origin)}
    with python(*dvc, env=environment, cwd=tmp_path) as process:
        pid = int(first_line(process))
        assert alive(pid)
        process.kill()
        wait_for(lambda: not alive(pid))


@LINUX
@pytest.mark.parametrize(
    ("book", "message"),
    [
        (json.dumps({"write": {"out": {"pid": os.getpid(), "cmd": "dvc repro"}}}), ""),
        (json.dumps({"write": {"out": {"pid": 2**22 + 1, "cmd": "dvc repro"}}}), "has ended"),
        (json.dumps({"read": {}}), "has ended"),
        ("", "not readable: remove it"),
    ],
    ids=["held by this process", "held by one that is gone", "held by none", "empty"],
)
def test_a_stage_whose_dvc_is_gone_already_ends(tmp_path, monkeypatch, book, message):
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / ".dvc/tmp/rwlock").write_text(book)
    environment = os.environ | {"DVC_STAGE": "train", "DVC_ROOT": str(tmp_path)}
    script = ("from syda import cli", "cli.app = lambda: print('on')", "cli.main()")
    with python(*script, env=environment, cwd=tmp_path) as stage:
        said, line = stage.communicate()
    assert (said == "on\n") is (message == "")
    assert line.count("\n") == bool(message)
    assert message in line


@LINUX
@pytest.mark.parametrize("hears", [True, False], ids=["hears it", "is deaf to SIGTERM"])
def test_one_of_several_processes_dies_with_its_killed_torchrun(hears):
    one = (
        "import os, signal, time; from syda.runtime import guard; guard._GRACE = 1; "
        f"{'' if hears else 'signal.signal(15, signal.SIG_IGN); '}guard.die_with_launcher(); "
        "print(os.getpid(), flush=True); time.sleep(300)"
    )
    torchrun = ("import subprocess, sys", f"subprocess.run([sys.executable, '-c', {one!r}])")
    with python(*torchrun, env=os.environ | {"TORCHELASTIC_RUN_ID": "none"}) as process:
        pid = int(first_line(process))
        process.kill()
        wait_for(lambda: not alive(pid))


def test_without_dvc_no_parent_is_watched(monkeypatch):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    monkeypatch.setattr(guard, "_end_after", lambda: pytest.fail("watched"))
    guard.die_with_dvc()


@pytest.mark.parametrize("signum", guard.SIGNALS)
def test_a_signal_is_one_line_and_the_status_of_that_signal(signum):
    with python("from syda import cli", f"cli.app = lambda: exec({SLEEP!r})", "cli.main()") as run:
        assert first_line(run) == "asleep"
        run.send_signal(signum)
        _, message = run.communicate()
    assert run.returncode == -signum
    assert message.count("\n") == 1
    assert message.startswith("syda: ")
    assert f"stopped by {signum.name}" in message


IN_A_CALLBACK = (  # of a weak reference, a finaliser: Python drops what is raised there
    "import os, sys, time, weakref",
    "from syda import cli",
    "sys.argv[1:] = ['train']",
    "class Thing: pass",
    "def dropped(signum):",
    "    thing = Thing()",
    "    reference = weakref.ref(thing, lambda _: os.kill(os.getpid(), signum))",
    "    del thing",
)


@pytest.mark.parametrize("signum", guard.SIGNALS)
def test_a_signal_that_a_callback_swallows_stops_all_the_same(signum):
    work = ("def work():", f"    dropped({int(signum)})", "    time.sleep(300)")
    with python(*IN_A_CALLBACK, *work, "cli.app = work", "cli.main()") as run:
        _, message = run.communicate(timeout=60)
    assert run.returncode == -signum
    assert message == f"syda: train: stopped by {signum.name}, nothing half-written: run it again\n"


@pytest.mark.parametrize("end", ["raise SystemExit", "raise RuntimeError('cut short')", "return"])
def test_a_library_that_takes_the_signal_for_an_end_does_not_make_it_a_success(end):
    """Lightning leaves the loop by SystemExit, of code 0, where it is told of SIGTERM."""
    work = ("def work():", "    dropped(15)", f"    {end}")
    with python(*IN_A_CALLBACK, *work, "cli.app = work", "cli.main()") as run:
        _, message = run.communicate(timeout=60)
    assert run.returncode == -signal.SIGTERM
    assert message == "syda: train: stopped by SIGTERM, nothing half-written: run it again\n"


def test_another_error_in_a_callback_is_told_as_ever():
    work = ("def work():", "    thing = Thing()", "    held = weakref.ref(thing, lambda _: 1 / 0)")
    with python(*IN_A_CALLBACK, *work, "    del thing", "cli.app = work", "cli.main()") as run:
        _, message = run.communicate(timeout=60)
    assert run.returncode == 0
    assert message.startswith("Exception ignored in")
    assert "ZeroDivisionError" in message


@LINUX
@pytest.mark.parametrize("signum", guard.SIGNALS)
def test_a_signal_ends_the_workers_and_leaves_no_partial_folder(tmp_path, signum):
    script = (
        "import time",
        "from pathlib import Path",
        "from syda import cli",
        "from syda.runtime import engine, outputs",
        "def work():",
        f"    with outputs.replace_folder(Path({str(tmp_path / 'out')!r})):",
        "        for _ in engine.parallel_map(time.sleep, [300, 300], 'sleep', 'naps'):",
        "            pass",
        "cli.app = work",
        "cli.main()",
    )
    with python(*script, env=os.environ | {"SYDA_WORKERS": "2"}, start_new_session=True) as run:
        wait_for(lambda: len(children(run.pid)) == 3)  # two workers, one resource tracker
        begun = children(run.pid)
        os.killpg(run.pid, signum)  # as Ctrl-C does
        _, message = run.communicate()
        wait_for(lambda: not any(alive(pid) for pid in begun))
    assert run.returncode == -signum
    assert list(tmp_path.iterdir()) == []
    assert message.count("syda: ") == 1
    assert "Traceback" not in message


def test_a_cleanup_that_hangs_is_cut_short(monkeypatch):
    script = (
        "import time",
        "from syda.runtime import guard",
        "guard._GRACE = 1",
        "with guard.stopped_by_signals():",
        "    try:",
        f"        {SLEEP}",
        "    finally:",
        "        time.sleep(300)",
    )
    with python(*script) as run:
        assert first_line(run) == "asleep"
        run.terminate()
        assert run.wait(timeout=60) == -signal.SIGALRM
