"""Processes of this repository: stages that hold their lock, DVC, and orphaned stages.

Processes are looked up in ``/proc``. A system without it shows none.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from syda import paths


def busy(root: Path, temporary: Path) -> list[str]:
    """Name what runs here: stages that hold their lock, and DVC commands.

    Args:
        root: repository root.
        temporary: DVC's folder of locks.
    """
    found = [f"stage {path.name}" for path in _locked(root / paths.WORK / "locks")]
    try:
        entries = set(rwlock_entries(json.loads((temporary / "rwlock").read_text("utf-8"))))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        entries = set()  # missing or damaged: doctor names it
    found += [f"`{command}`" for pid, command in entries if is_dvc(pid)]
    if not found and any(path.name == "lock" for path in _locked(temporary)):
        found.append("a dvc command")
    return found


def _locked(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder on which a process holds an flock(2)."""
    for path in sorted(folder.glob("*")):
        if path.is_file():
            with path.open("rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield path


def rwlock_entries(document: Any) -> Iterator[tuple[int, str]]:
    """Yield process number and command of each entry in DVC's rwlock file."""
    for infos in [*document.get("read", {}).values(), *document.get("write", {}).values()]:
        for info in infos if isinstance(infos, list) else [infos]:
            yield int(info["pid"]), str(info["cmd"])


def is_dvc(pid: int) -> bool:
    """Whether a process is a DVC command; without ``/proc``, whether it exists."""
    if not Path("/proc/self").exists():
        return is_alive(pid)
    return any(Path(word).name == "dvc" for word in _words(pid, "cmdline"))


def is_alive(pid: int) -> bool:
    """Whether a process exists and has not ended (a zombie has)."""
    if _status(pid)[:1] == ["Z"]:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def orphans(root: Path) -> list[tuple[int, str]]:
    """Number and command of each stage of this repository whose DVC has ended."""
    found = []
    for pid in sorted(int(path.name) for path in Path("/proc").glob("[0-9]*")):
        if _is_stage(pid, root) and not any(
            is_dvc(parent) or _is_stage(parent, root) for parent in _ancestors(pid)
        ):
            found.append((pid, " ".join(_words(pid, "cmdline"))))
    return found


def _is_stage(pid: int, root: Path) -> bool:
    environment = _words(pid, "environ")
    staged = any(word.startswith("DVC_STAGE=") for word in environment)
    of_root = f"DVC_ROOT={root}" in environment
    return staged and of_root and any(Path(w).name == "syda" for w in _words(pid, "cmdline"))


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
    """State, parent and so on, as ``/proc/<pid>/stat`` lists them after the name."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rsplit(")", 1)[1].split()
