"""One run of a stage at a time, and no orphan when its parent dies.

DVC does not pass SIGTERM or SIGKILL on to the command that it runs, so a killed ``dvc repro`` would
leave a training behind that a second run then races.
"""

import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syda import paths
from syda.errors import UsageError

_PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent process ends (Linux; elsewhere a no-op)."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended between the two calls
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def exclusive(root: Path, stage: str) -> Iterator[None]:
    """Hold the stage's lock file under ``.work/locks`` while the block runs.

    Raises:
        UsageError: another process runs this stage in this repository.
    """
    folder = root / paths.WORK / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / stage).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"stage {stage} is already running here: wait for it, or stop that run"
            ) from error
        yield
