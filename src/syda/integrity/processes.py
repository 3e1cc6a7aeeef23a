"""Who works in this repository: stages that hold their lock, DVC, and stages that DVC left behind.

Processes are looked up in ``/proc``; on a system without it none are found.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syda import paths


@dataclass(frozen=True)
class Process:
    """A process.

    Attributes:
        pid: its number.
        command: its command line.
    """

    pid: int
    command: str


def busy(root: Path, temporary: Path) -> list[str]:
    """Name what runs here: stages that hold their lock, and DVC commands.

    Args:
        root: repository root.
        temporary: DVC's folder of locks.
    """
    found = [f"stage {path.name}" for path in _held(root / paths.WORK / "locks")]
    found += [f"`{p.command}`" for p in _writers(temporary) if is_dvc(p.pid)]
    if not found and any(path.name == "lock" for path in _held(temporary)):
        found.append("a dvc command")
    return found


def _held(folder: Path) -> Iterator[Path]:
    """Files of a folder that a process holds an flock(2) on."""
    for path in sorted(folder.glob("*")):
        if path.is_file():
            with path.open("rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield path


def _writers(temporary: Path) -> set[Process]:
    try:
        document = json.loads((temporary / "rwlock").read_text(encoding="utf-8"))
        return {Process(*entry) for entry in holders(document)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return set()  # missing or damaged: nobody can tell, doctor names it


def holders(document: Any) -> Iterator[tuple[int, str]]:
    """Pid and command of every holder that DVC's rwlock file names."""
    for infos in [*document.get("read", {}).values(), *document.get("write", {}).values()]:
        for info in infos if isinstance(infos, list) else [infos]:
            yield int(info["pid"]), str(info["cmd"])


def is_dvc(pid: int) -> bool:
    """Whether a process is a DVC command; where there is no ``/proc``, whether it is there."""
    if not Path("/proc/self").exists():
        return is_alive(pid)
    return any(Path(word).name == "dvc" for word in _words(pid, "cmdline"))


def is_alive(pid: int) -> bool:
    """Whether there is such a process; one that ended and waits for its parent is none."""
    if _status(pid)[:1] == ["Z"]:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def orphans(root: Path) -> list[Process]:
    """Stages of this repository that DVC started and that no DVC waits for any more."""
    found = []
    for pid in sorted(int(path.name) for path in Path("/proc").glob("[0-9]*")):
        if _is_stage(pid, root) and not any(
            is_dvc(parent) or _is_stage(parent, root) for parent in _ancestors(pid)
        ):
            found.append(Process(pid, " ".join(_words(pid, "cmdline"))))
    return found


def _is_stage(pid: int, root: Path) -> bool:
    environment = _words(pid, "environ")
    if f"DVC_ROOT={root}" not in environment:
        return False
    staged = any(word.startswith("DVC_STAGE=") for word in environment)
    return staged and any(Path(word).name == "syda" for word in _words(pid, "cmdline"))


def _words(pid: int, file: str) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/{file}").read_bytes().decode(errors="replace")
    except OSError:  # it ended, or is another user's
        return []
    return text.rstrip("\0").split("\0")


def _ancestors(pid: int) -> Iterator[int]:
    while len(status := _status(pid)) > 1 and (pid := int(status[1])):
        yield pid


def _status(pid: int) -> list[str]:
    """State, parent and so on, as ``/proc/<pid>/stat`` has them behind the name."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rsplit(")", 1)[1].split()
