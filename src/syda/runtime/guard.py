"""One run of a stage at a time, no orphan when DVC dies, and an orderly end on a signal.

DVC passes neither SIGTERM nor SIGKILL on to the command that it runs, so a killed ``dvc repro``
would leave a training behind that a second run then races.
"""

import ctypes
import fcntl
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from syda import paths
from syda.errors import UsageError

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG = 1  # prctl(2)
_GRACE = 20
"""Seconds from a signal to the end of the process, whatever holds it up."""


class Stopped(BaseException):
    """A signal asked this process to end; no ``Exception``, lest a library handle it and go on."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


def stop_on_signals() -> None:
    """Raise :class:`Stopped` in the main thread on SIGINT and SIGTERM.

    The worker processes end first: they would write on into folders that are being removed. A
    second signal ends the process at once.
    """
    for signum in SIGNALS:
        if signal.getsignal(signum) is not signal.SIG_IGN:  # as `nohup` or a shell's & asked
            signal.signal(signum, _stop)


def _stop(signum: int, _: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    signal.alarm(_GRACE)
    for worker in multiprocessing.active_children():
        worker.kill()
        worker.join()
    raise Stopped(signum)


@contextmanager
def held(signum: signal.Signals) -> Iterator[None]:
    """Hold a signal back while the block runs; processes started there never see it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signum})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent process ends (Linux; elsewhere a no-op)."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended between the two calls
        os.kill(os.getpid(), signal.SIGTERM)


def die_with_dvc() -> None:
    """In a stage that DVC runs, :func:`die_with_parent`; end if DVC is gone already.

    Shells replace themselves by the one command that DVC hands them, so DVC is the parent.
    """
    if "DVC_STAGE" not in os.environ:
        return
    die_with_parent()
    if _dvc_is_gone(Path(os.environ["DVC_ROOT"])):
        os.kill(os.getpid(), signal.SIGTERM)


def _dvc_is_gone(root: Path) -> bool:
    """Whether none of this process's ancestors is a DVC that holds an output for writing."""
    try:
        held = json.loads((root / ".dvc" / "tmp" / "rwlock").read_text(encoding="utf-8"))["write"]
        return {entry["pid"] for entry in held.values()}.isdisjoint(_ancestors())
    except (OSError, ValueError, KeyError):  # no /proc, or another DVC writes the file just now
        return False


def _ancestors() -> Iterator[int]:
    pid = os.getppid()
    while pid:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


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
