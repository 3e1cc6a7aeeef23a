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
_PULSE = 0.5
"""Seconds from one look at another process to the next."""
_READS = 5
_GRACE = 20
"""Seconds from a signal to the end of the process, whatever holds it up."""
_AGAIN = 0.01
"""Seconds from a lost exception to the next."""


class Stopped(BaseException):
    """A signal asked this process to end; no ``Exception``, lest a library handle it and go on."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise :class:`Stopped` in the main thread on SIGINT and SIGTERM while the block runs.

    The worker processes end first: they would write on into folders that are being removed. A
    second signal ends the process at once. A block that ends otherwise after a signal, as a
    library's own handler may have it, is stopped none the less.

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
    """Raises :class:`Stopped`, again where it is lost.

    Python drops what a callback of a weak reference or a finaliser raises, and a signal can come
    amid one.
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
def held(signum: signal.Signals) -> Iterator[None]:
    """Hold a signal back while the block runs; processes started there never see it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signum})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent() -> None:
    """End a worker when the process that started it has ended, even before this call."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    _end_after(lambda: select.select([parent.sentinel], [], []))


def die_with_dvc() -> None:
    """End a stage when the DVC that runs it has ended (Linux).

    DVC need not be the parent: dash, for one, stays between the two.

    Raises:
        UsageError: it had ended before this call.
    """
    if "DVC_STAGE" not in os.environ or not Path("/proc/self/stat").exists():
        return
    holders = _holders(Path.cwd())  # of a queued experiment DVC_ROOT is what it was copied from

    def last() -> None:
        while not holders.isdisjoint(_ancestors()):
            time.sleep(_PULSE)

    if holders.isdisjoint(_ancestors()):
        raise UsageError("the DVC that began this stage has ended: `dvc repro` begins it again")
    _end_after(last)


def die_with_launcher() -> None:
    """End one of several processes when the ``torchrun`` that started it has ended."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return
    launcher = os.getppid()

    def last() -> None:
        while os.getppid() == launcher:
            time.sleep(_PULSE)

    _end_after(last)


def wait_for_dvc() -> None:
    """At a stage's end, wait until no other DVC command holds the repository's lock.

    The DVC that runs the stage needs it then, gives up after three seconds, and forgets the work.
    """
    if "DVC_STAGE" not in os.environ:
        return
    lock = Path.cwd() / ".dvc" / "tmp" / "lock"
    if lock.exists():
        with lock.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH)


def _end_after(wait: Callable[[], object]) -> None:
    """Send the calling thread SIGTERM once ``wait`` returns, and SIGKILL if it cannot hear that.

    One of several processes may wait for another for ever, amid an exchange of gradients.
    """

    def watch() -> None:
        wait()
        signal.pthread_kill(caller, signal.SIGTERM)
        time.sleep(_GRACE)
        os.kill(os.getpid(), signal.SIGKILL)

    caller = threading.get_ident()
    threading.Thread(target=watch, daemon=True).start()


def _holders(root: Path) -> set[int]:
    """Every DVC that has an output of this repository open for writing, by DVC's own book."""
    book = root / ".dvc" / "tmp" / "rwlock"
    for _ in range(_READS):
        with suppress(ValueError):  # another DVC writes it just now
            held = json.loads(book.read_bytes()) if book.exists() else {}
            return {entry["pid"] for entry in held.get("write", {}).values()}
        time.sleep(_PULSE)
    raise CorruptData(f"{os.path.relpath(book)}: not readable: remove it while no DVC runs")


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
