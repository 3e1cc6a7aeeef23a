"""What an interrupted run leaves, as ``syda doctor`` finds it.

Each function yields what is wrong and how to repair it.
"""

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
from syda.integrity.digests import Digests, digest_of
from syda.integrity.recorded import (
    LOCK,
    Declared,
    Repository,
    Stage,
    object_name,
    read_lock,
)
from syda.runtime.outputs import write_bytes, write_json

KEPT = paths.WORK / "doctor"
"""Where what is replaced is kept."""

_PATIENCE = 30
"""Seconds that a stage has to end in order."""

_UNFINISHED = re.compile(r"\..+\.partial|\.[\w-]{22}\.tmp")
"""Names of unfinished outputs: of syda.runtime.outputs, and of DVC."""


@dataclass(frozen=True)
class Symptom:
    """Something that is wrong.

    Attributes:
        what: the finding.
        remedy: what ``--repair`` does, or what a person has to do if ``what`` does not say.
        repair: does it and says what was done; None where a person has to.
    """

    what: str
    remedy: str = ""
    repair: Callable[[], str] | None = None

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}" if self.remedy else self.what


def orphaned_stages(repository: Repository) -> Iterator[Symptom]:
    """A stage runs on although the DVC that started it is gone."""
    for process in processes.orphans(repository.root):
        what = f"process {process.pid} ({process.command}) runs on without the DVC that started it"
        yield Symptom(what, "ends it", partial(_end, process.pid))


def _end(pid: int) -> str:
    os.kill(pid, signal.SIGTERM)
    for _ in range(_PATIENCE * 10):
        if not processes.is_alive(pid):
            return f"ended process {pid}"
        time.sleep(0.1)
    raise SydaError(f"process {pid} does not end: `kill -9 {pid}`, then `syda doctor` again")


def damaged_lock(repository: Repository) -> Iterator[Symptom]:
    """dvc.lock is missing, empty or cut off, as a full disk leaves it."""
    committed = _committed_lock(repository.root)
    path = repository.root / LOCK
    if not path.exists() and committed is None:
        return  # nothing has run yet
    try:
        if committed is not None:
            _compare(repository.lock(), read_lock(committed), repository.declared())
        else:
            repository.lock()
    except CorruptData as error:
        what = str(error).removesuffix(": `syda doctor`")
        if committed is None:
            remedy = "moves it away (git has none to restore); then `dvc commit -f` or `dvc repro`"
        else:
            remedy = (
                "restores git's, then `dvc commit -f` and `syda verify` keep what finished since, "
                "`dvc repro` makes it again"
            )
        yield Symptom(what, remedy, partial(_restore_lock, repository.root, committed))


def _committed_lock(root: Path) -> bytes | None:
    """dvc.lock of git's HEAD, if it is there and readable."""
    done = subprocess.run(
        ["git", "show", f"HEAD:./{LOCK}"], cwd=root, capture_output=True, check=False
    )
    try:
        read_lock(done.stdout)
    except CorruptData:
        return None
    return done.stdout


def _compare(
    lock: Mapping[str, Stage], committed: Mapping[str, Stage], declared: Mapping[str, Declared]
) -> None:
    """Refuse a lock without what git's HEAD and dvc.yaml both have: a cut-off one may parse."""
    for name in sorted(committed.keys() & declared.keys()):
        if name not in lock:
            raise CorruptData(f"{LOCK}: stage {name} is gone, which git's HEAD has")
        outs = committed[name].outs.keys() & declared[name].outs.keys()
        gone = sorted(outs - lock[name].outs.keys())
        if gone:
            raise CorruptData(f"{LOCK}: stage {name} has lost {gone[0]}, which git's HEAD has")


def _restore_lock(root: Path, committed: bytes | None) -> str:
    path, told = root / LOCK, ""
    if path.exists():
        kept = _free_name(root / KEPT / LOCK.name)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, kept)
        told = f"; the damaged one is {kept.relative_to(root)}"
    if committed is None:
        path.unlink()
        return f"moved {LOCK} away{told}"
    write_bytes(path, committed)
    return f"restored {LOCK} from git's HEAD{told}"


def _free_name(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    return kept


def stale_dvc_locks(repository: Repository) -> Iterator[Symptom]:
    """DVC's list of who reads and writes is damaged, or names processes that are no DVC."""
    path = repository.temporary / "rwlock"
    where = repository.shown(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        holders = sorted(set(processes.holders(document)))
    except FileNotFoundError:
        holders = []
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        yield Symptom(f"{where}: not readable", "removes it", partial(_remove, repository, [path]))
        return
    gone = [f"{pid} ({command})" for pid, command in holders if not processes.is_dvc(pid)]
    if gone:
        what = f"{where}: still names process {', '.join(gone)}, which is gone or no DVC"
        yield Symptom(what, "frees what it held", partial(_release, path))
    if repository.hardlink_lock and (repository.temporary / "lock").exists():
        what = f"{repository.shown(repository.temporary / 'lock')}: a DVC on some host holds it"
        yield Symptom(what, "remove it if none runs on any host (core.hardlink_lock is on)")


def _release(path: Path) -> str:
    document = json.loads(path.read_text(encoding="utf-8"))
    read = {
        name: living
        for name, infos in document.get("read", {}).items()
        if (living := [info for info in infos if processes.is_dvc(info["pid"])])
    }
    write = {
        name: info
        for name, info in document.get("write", {}).items()
        if processes.is_dvc(info["pid"])
    }
    write_json(path, {"read": read, "write": write})
    return "freed what processes that are gone held in DVC's rwlock"


def unfinished_outputs(repository: Repository) -> Iterator[Symptom]:
    """Temporary files of writes that never ended, in the workspace and in the cache."""
    found = repository.leftovers()
    for folder in ("data", paths.REPORTS, paths.MODEL_CARD):
        for path in sorted((repository.root / folder).rglob(".*")):
            if _UNFINISHED.fullmatch(path.name):
                found.append(path)
    if found:
        what = f"{len(found)} unfinished files or folders, such as {repository.shown(found[0])}"
        yield Symptom(what, "removes them", partial(_remove, repository, found))


def _remove(repository: Repository, found: list[Path]) -> str:
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return f"removed {', '.join(map(repository.shown, found))}"


def damaged_objects(repository: Repository) -> Iterator[Symptom]:
    """Objects of DVC's cache that do not hash to their names, half-written ones among them."""
    try:
        outs = [entry for stage in repository.lock().values() for entry in stage.outs.values()]
        outs += [entry for _, entry in repository.added().values()]
    except CorruptData:
        outs = []
    objects = repository.objects(outs)
    digests = Digests(objects, "doctor")
    damaged = [p for p in objects if digests[p].md5 != object_name(p).removesuffix(".dir")]
    users = repository.users(outs) if damaged else {}
    for path in damaged:
        names = [repository.root / name for name in users.get(object_name(path), [])]
        of = f" of {repository.shown(names[0])}" if names else ""
        what = f"{repository.shown(path)}: damaged cache object{of}"
        linked = [name for name in names if name.exists() and name.samefile(path)]
        sound = [n for n in names if n.is_file() and digest_of(n).md5 == object_name(path)]
        if sound:
            remedy = "replaces it from the workspace"
            yield Symptom(what, remedy, partial(_replace_object, repository, path, sound[0]))
        else:
            remedy = "removes it, so that `dvc pull` or `dvc repro` brings it back"
            yield Symptom(what, remedy, partial(_remove, repository, [path, *linked]))


def _replace_object(repository: Repository, path: Path, sound: Path) -> str:
    write_bytes(path, sound.read_bytes())
    path.chmod(0o444)  # as DVC keeps its objects
    return f"replaced {repository.shown(path)} from {repository.shown(sound)}"
