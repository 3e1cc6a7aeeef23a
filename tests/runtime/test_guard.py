import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from syda.errors import UsageError
from syda.runtime import guard


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


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
def test_a_child_dies_with_its_killed_parent():
    child = "from syda.runtime import guard; import time; guard.die_with_parent(); time.sleep(60)"
    parent = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        "time.sleep(2); print(p.pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        pid = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_helper_sees_this_process():
    assert _alive(os.getpid())
