"""What an interrupted run leaves, as ``syda doctor`` finds and repairs it."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from syda import paths
from syda.errors import CorruptData, SydaError
from syda.integrity import processes
from syda.integrity.digests import Digests
from syda.integrity.dvc_repository import (
    LOCK,
    DeclaredStage,
    DvcRepository,
    LockedStage,
    object_name,
    read_lock,
)
from syda.runtime.digest import digest_file
from syda.runtime.outputs import write_bytes, write_json

BACKUPS = paths.WORK / "doctor"
"""Folder of the files that a repair replaced."""

_PATIENCE = 30
"""Seconds that a stage has to end in order."""

_UNFINISHED = re.compile(r"\..+\.partial|\.[\w-]{22}\.tmp")
"""Names of unfinished outputs: of syda.runtime.outputs, and of DVC."""


@dataclass(frozen=True)
class Diagnosis:
    """Something that is wrong.

    Attributes:
        what: is wrong.
        remedy: what ``--repair`` does, or what a person has to do.
        repair: repairs it and says what it did; None if a person has to.
    """

    what: str
    remedy: str = ""
    repair: Callable[[], str] | None = None

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}" if self.remedy else self.what


def orphaned_stages(repository: DvcRepository) -> Iterator[Diagnosis]:
    """A stage runs on although its DVC has ended."""
    for pid, command in processes.orphans(repository.root):
        what = f"process {pid} ({command}) runs on without the DVC that started it"
        yield Diagnosis(what, "ends it", partial(_end, pid))


def _end(pid: int) -> str:
    os.kill(pid, signal.SIGTERM)
    for _ in range(_PATIENCE * 10):
        if not processes.is_alive(pid):
            return f"ended process {pid}"
        time.sleep(0.1)
    raise SydaError(f"process {pid} does not end: `kill -9 {pid}`, then `syda doctor` again")


def damaged_lock(repository: DvcRepository) -> Iterator[Diagnosis]:
    """dvc.lock is missing, empty or cut off, as a full disk leaves it."""
    committed = _committed_lock(repository.root)
    if committed is None and not (repository.root / LOCK).exists():
        return  # nothing has run yet
    try:
        lock = repository.lock()
        if committed is not None:
            _compare(lock, read_lock(committed), repository.declared())
    except CorruptData as error:
        what = str(error).removesuffix(": `syda doctor`")
        remedy = "moves it away (git has none to restore); then `dvc commit -f` or `dvc repro`"
        if committed is not None:
            remedy = (
                "restores git's, then `dvc commit -f` and `syda verify` keep what finished since, "
                "`dvc repro` makes it again"
            )
        yield Diagnosis(what, remedy, partial(_restore_lock, repository.root, committed))


def _committed_lock(root: Path) -> bytes | None:
    """dvc.lock of git's HEAD, if it exists and is readable."""
    command = ["git", "show", f"HEAD:./{LOCK}"]
    content = subprocess.run(command, cwd=root, capture_output=True, check=False).stdout
    try:
        read_lock(content)
    except CorruptData:
        return None
    return content


def _compare(
    lock: Mapping[str, LockedStage],
    committed: Mapping[str, LockedStage],
    declared: Mapping[str, DeclaredStage],
) -> None:
    """Refuse a lock without what git's HEAD and dvc.yaml have: a cut-off lock may parse."""
    for name in sorted(committed.keys() & declared.keys()):
        if name not in lock:
            raise CorruptData(f"{LOCK}: stage {name} is gone, which git's HEAD has")
        outs = committed[name].outs.keys() & declared[name].outs.keys()
        for gone in sorted(outs - lock[name].outs.keys()):
            raise CorruptData(f"{LOCK}: stage {name} has lost {gone}, which git's HEAD has")


def _restore_lock(root: Path, committed: bytes | None) -> str:
    path, note = root / LOCK, ""
    if path.exists():
        number = 1
        while (backup := root / BACKUPS / f"{LOCK}.{number}").exists():
            number += 1
        backup.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, backup)
        note = f"; the damaged one is {backup.relative_to(root)}"
    if committed is None:
        path.unlink()
        return f"moved {LOCK} away{note}"
    write_bytes(path, committed)
    return f"restored {LOCK} from git's HEAD{note}"


def stale_dvc_locks(repository: DvcRepository) -> Iterator[Diagnosis]:
    """DVC's rwlock is damaged, or names processes that are no DVC."""
    path = repository.temporary / "rwlock"
    where = repository.relative(path)
    try:
        holders = sorted(set(processes.rwlock_entries(json.loads(path.read_text("utf-8")))))
    except FileNotFoundError:
        holders = []
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        remove = partial(_remove, repository, [path])
        yield Diagnosis(f"{where}: not readable", "removes it", remove)
        return
    gone = [f"{pid} ({command})" for pid, command in holders if not processes.is_dvc(pid)]
    if gone:
        what = f"{where}: still names process {', '.join(gone)}, which is gone or no DVC"
        yield Diagnosis(what, "frees what it held", partial(_release, path))
    lock = repository.temporary / "lock"
    if repository.hardlink_lock and lock.exists():
        what = f"{repository.relative(lock)}: a DVC on some host holds it"
        yield Diagnosis(what, "remove it if none runs on any host (core.hardlink_lock is on)")


def _release(path: Path) -> str:
    document = json.loads(path.read_text(encoding="utf-8"))
    read = {
        name: living
        for name, infos in document.get("read", {}).items()
        if (living := [info for info in infos if processes.is_dvc(info["pid"])])
    }
    write = {n: i for n, i in document.get("write", {}).items() if processes.is_dvc(i["pid"])}
    write_json(path, {"read": read, "write": write})
    return "freed what processes that are gone held in DVC's rwlock"


def unfinished_outputs(repository: DvcRepository) -> Iterator[Diagnosis]:
    """Temporary files of interrupted writes, in the workspace and in the cache."""
    found = repository.leftovers()
    for folder in ("data", paths.REPORTS, paths.MODEL_CARD):
        hidden = sorted((repository.root / folder).rglob(".*"))
        found += [path for path in hidden if _UNFINISHED.fullmatch(path.name)]
    if found:
        what = f"{len(found)} unfinished files or folders, such as {repository.relative(found[0])}"
        yield Diagnosis(what, "removes them", partial(_remove, repository, found))


def _remove(repository: DvcRepository, found: list[Path]) -> str:
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return f"removed {', '.join(map(repository.relative, found))}"


def damaged_objects(repository: DvcRepository) -> Iterator[Diagnosis]:
    """Objects of DVC's cache that do not hash to their names, half-written ones among them."""
    try:
        outs = [entry for stage in repository.lock().values() for entry in stage.outs.values()]
        outs += [entry for _, entry in repository.added().values()]
    except CorruptData:
        outs = []  # damaged_lock and the checks of verify name it
    objects = repository.objects(outs)
    digests = Digests(objects, "doctor")
    damaged = [p for p in objects if digests[p].md5 != object_name(p).removesuffix(".dir")]
    users = repository.users(outs) if damaged else {}
    for path in damaged:
        names = [repository.root / name for name in users.get(object_name(path), [])]
        of = f" of {repository.relative(names[0])}" if names else ""
        what = f"{repository.relative(path)}: damaged cache object{of}"
        linked = [name for name in names if name.exists() and name.samefile(path)]
        sound = [n for n in names if n.is_file() and digest_file(n).md5 == object_name(path)]
        if sound:
            remedy = "replaces it from the workspace"
            yield Diagnosis(what, remedy, partial(_replace_object, repository, path, sound[0]))
        else:
            remedy = "removes it, so that `dvc pull` or `dvc repro` brings it back"
            yield Diagnosis(what, remedy, partial(_remove, repository, [path, *linked]))


def _replace_object(repository: DvcRepository, path: Path, sound: Path) -> str:
    write_bytes(path, sound.read_bytes())
    path.chmod(0o444)  # as DVC does
    return f"replaced {repository.relative(path)} from {repository.relative(sound)}"
