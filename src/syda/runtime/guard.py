"""Locks and signals: a stage runs once at a time, ends with its DVC, and ends in order.

DVC does not pass SIGTERM or SIGKILL to its command. So a killed ``dvc repro`` would leave a running
training, and a second run would write the same files.
"""

import fcntl
import json
import multiprocessing
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from syda import paths
from syda.errors import CorruptData, UsageError

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_POLL_SECONDS = 0.5
"""Seconds between two checks of another process."""
_READS = 5
_GRACE = 20
"""Seconds from a signal to the forced end of the process."""
_AGAIN = 0.01
"""Seconds until a lost exception is raised again."""


class Stopped(BaseException):
    """A signal asked this process to end. No ``Exception``: a library would catch it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise :class:`Stopped` in the main thread on SIGINT and SIGTERM while the block runs.

    The worker processes end first, because they would write into folders that are being removed.
    A second signal ends the process at once. ``Stopped`` is raised also when the block ends in
    another way after a signal, e.g. by the handler of a library.

    Raises:
        Stopped: a signal came.
    """
    stop = _Stop()
    for signum in SIGNALS:
        if signal.getsignal(signum) is not signal.SIG_IGN:  # as `nohup` or a shell's & asked
            signal.signal(signum, stop)
    sys.unraisablehook = stop.dropped
    try:
        yield
    finally:
        sys.unraisablehook = stop.hook
        if stop.signum is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise Stopped(stop.signum)


class _Stop:
    """Raises :class:`Stopped`, and raises it again if it is lost.

    Python drops an exception that is raised in a finaliser or in the callback of a weak reference.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self.hook = sys.unraisablehook

    def __call__(self, signum: int, _: FrameType | None) -> None:
        self.signum = signum
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        signal.alarm(_GRACE)
        for worker in multiprocessing.active_children():
            worker.kill()
            worker.join()
        raise Stopped(signum)

    def dropped(self, what: "sys.UnraisableHookArgs") -> None:
        if not isinstance(what.exc_value, Stopped):
            self.hook(what)
            return
        signal.signal(signal.SIGALRM, self._again)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)  # once the callback is over

    def _again(self, *_: object) -> None:
        assert self.signum is not None
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_GRACE)
        raise Stopped(self.signum)


def end_by(signum: int) -> None:
    """End this process by a signal, so that the caller sees it: 130 or 143 in a shell."""
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


@contextmanager
def signal_blocked(signum: signal.Signals) -> Iterator[None]:
    """Block a signal while the block runs; processes that start there never receive it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signum})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent() -> None:
    """End a worker when the process that started it has ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    _end_after(lambda: select.select([parent.sentinel], [], []))


def die_with_dvc() -> None:
    """End a stage when the DVC that runs it has ended (Linux).

    DVC need not be the parent: a shell such as dash may be between them.

    Raises:
        UsageError: it had ended before this call.
    """
    if "DVC_STAGE" not in os.environ or not Path("/proc/self/stat").exists():
        return
    holders = _holders(Path.cwd())  # of a queued experiment DVC_ROOT is what it was copied from

    def last() -> None:
        while not holders.isdisjoint(_ancestors()):
            time.sleep(_POLL_SECONDS)

    if holders.isdisjoint(_ancestors()):
        raise UsageError(
            "the `dvc` process that started this stage has ended: run `dvc repro` again"
        )
    _end_after(last)


def die_with_launcher() -> None:
    """End one of several processes when the ``torchrun`` that started it has ended."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return
    launcher = os.getppid()

    def last() -> None:
        while os.getppid() == launcher:
            time.sleep(_POLL_SECONDS)

    _end_after(last)


def wait_for_dvc() -> None:
    """At a stage's end, wait until no other DVC command holds the repository's lock.

    The DVC of the stage needs the lock then. After three seconds without it, it loses the result.
    """
    if "DVC_STAGE" not in os.environ:
        return
    lock = Path.cwd() / ".dvc" / "tmp" / "lock"
    if lock.exists():
        with lock.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH)


def _end_after(wait: Callable[[], object]) -> None:
    """Send the calling thread SIGTERM after ``wait`` returns, and SIGKILL if it does not end.

    A process may wait for another one forever, during an exchange of gradients.
    """

    def watch() -> None:
        wait()
        signal.pthread_kill(caller, signal.SIGTERM)
        time.sleep(_GRACE)
        os.kill(os.getpid(), signal.SIGKILL)

    caller = threading.get_ident()
    threading.Thread(target=watch, daemon=True).start()


def _holders(root: Path) -> set[int]:
    """Every DVC that writes an output of this repository, by DVC's rwlock file."""
    rwlock = root / ".dvc" / "tmp" / "rwlock"
    for _ in range(_READS):
        with suppress(ValueError):  # another DVC writes it just now
            held = json.loads(rwlock.read_bytes()) if rwlock.exists() else {}
            return {entry["pid"] for entry in held.get("write", {}).values()}
        time.sleep(_POLL_SECONDS)
    raise CorruptData(f"{os.path.relpath(rwlock)}: not readable: remove it while no DVC runs")


def _ancestors() -> Iterator[int]:
    pid = os.getppid()
    while pid:
        yield pid
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # it ended just now
            return
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
