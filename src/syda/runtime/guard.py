"""One run of a stage at a time, no orphan when DVC dies, and an orderly end on a signal.

DVC passes neither SIGTERM nor SIGKILL on to the command that it runs, so a killed ``dvc repro``
would leave a training behind that a second run then races.
"""

import fcntl
import json
import multiprocessing
import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from syda import paths
from syda.errors import CorruptData, UsageError

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_READS = 20
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


def end_by(signum: int) -> None:
    """End this process by a signal, so that the caller sees it: 130 or 143 in a shell."""
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


@contextmanager
def held(signum: signal.Signals) -> Iterator[None]:
    """Hold a signal back while the block runs; processes started there never see it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signum})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_when_readable(fd: int) -> None:
    """Send this thread SIGTERM once a file descriptor can be read: the sign of another's end."""

    def wait() -> None:
        select.select([fd], [], [])
        signal.pthread_kill(caller, signal.SIGTERM)

    caller = threading.get_ident()
    threading.Thread(target=wait, daemon=True).start()


def die_with_parent() -> None:
    """End a worker when the process that started it has ended, even before this call."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    end_when_readable(parent.sentinel)


def die_with_dvc() -> None:
    """End a stage when the DVC that runs it has ended, even before this call (Linux).

    DVC need not be the parent: dash, for one, stays between the two.
    """
    if "DVC_STAGE" not in os.environ or not hasattr(os, "pidfd_open"):
        return
    holders = _holders(Path(os.environ["DVC_ROOT"]))
    dvc = next((pid for pid in _ancestors() if pid in holders), None)
    if dvc is None:
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        end_when_readable(os.pidfd_open(dvc))


def _holders(root: Path) -> set[int]:
    """Every DVC that has an output of this repository open for writing, by DVC's own book."""
    book = root / ".dvc" / "tmp" / "rwlock"
    for _ in range(_READS):
        with suppress(ValueError):  # another DVC writes it just now
            return {entry["pid"] for entry in json.loads(book.read_bytes())["write"].values()}
        time.sleep(0.1)
    raise CorruptData(f"{os.path.relpath(book)}: not readable: remove it while no DVC runs")


def _ancestors() -> Iterator[int]:
    pid = os.getppid()
    while pid:
        yield pid
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        pid = int(stat.rpartition(")")[2].split()[1])


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
