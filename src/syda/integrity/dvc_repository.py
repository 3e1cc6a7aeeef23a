"""DVC's files: stages and digests of dvc.yaml, dvc.lock, ``*.dvc`` and the cache.

DVC trusts a file with an unchanged inode and modification time, and a read-only cache object. So
DVC is only used to expand its templates and to apply .dvcignore. All else is read and hashed here.
No other module of this room imports DVC.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.parsing import DataResolver
from dvc.repo import Repo
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from syda import paths
from syda.errors import CorruptData, UsageError
from syda.runtime.digest import md5_of

LOCK = Path("dvc.lock")
PIPELINE = Path("dvc.yaml")

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_OBJECT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")


@dataclass(frozen=True)
class LockEntry:
    """A file or folder of dvc.lock.

    Attributes:
        path: relative to the repository root.
        md5: of the file, or of the folder's listing followed by ``.dir``.
        size: bytes, of all files.
        nfiles: files in the folder; None for a file.
    """

    path: str
    md5: str
    size: int
    nfiles: int | None


@dataclass(frozen=True)
class LockedStage:
    """A stage of dvc.lock: what its last run read and wrote, by path."""

    cmd: str
    deps: Mapping[str, LockEntry]
    params: Mapping[str, Any]
    outs: Mapping[str, LockEntry]


@dataclass(frozen=True)
class DeclaredStage:
    """A stage of dvc.yaml; ``outs`` tells whether DVC's cache holds a path (else git does)."""

    cmd: str
    deps: frozenset[str]
    params: frozenset[str]
    outs: Mapping[str, bool]


class DvcRepository:
    """A repository as DVC sees it.

    Args:
        root: repository root.

    Raises:
        UsageError: no DVC repository.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        try:
            self._repo = Repo(str(self.root))
        except NotDvcRepoError as error:
            text = f"{self.root}: no DVC repository: run this in the repository's root"
            raise UsageError(text) from error
        self.cache = Path(self._repo.cache.local.path)
        self.has_local_cache = self.cache.is_relative_to(self.root)
        self.temporary = Path(self._repo.tmp_dir)
        self.hardlink_lock = bool(self._repo.config["core"].get("hardlink_lock", False))

    def declared(self) -> dict[str, DeclaredStage]:
        """Stages of dvc.yaml by name, e.g. ``validate@records``.

        Raises:
            CorruptData: dvc.yaml or a file of its templates is not readable.
        """
        try:
            content = YAML(typ="safe").load((self.root / PIPELINE).read_text(encoding="utf-8"))
            stages = DataResolver(self._repo, str(self.root), content).resolve()["stages"]
        except (OSError, YAMLError, DvcException, AttributeError) as error:
            raise CorruptData(f"{PIPELINE}: {_one_line(error)}: correct it") from error
        return {name: _declared(stage) for name, stage in stages.items()}

    def lock(self) -> dict[str, LockedStage]:
        """Stages of dvc.lock by name.

        Raises:
            CorruptData: it is missing, empty, cut off or not a lock file.
        """
        try:
            content = (self.root / LOCK).read_bytes()
        except OSError as error:
            raise CorruptData(f"{LOCK}: {error.strerror}: `syda doctor`") from error
        return read_lock(content)

    def added(self) -> dict[str, tuple[Path, LockEntry]]:
        """Paths that ``dvc add`` put under data/raw: ``.dvc`` file and entry.

        A file without md5 still waits for ``dvc add`` (:mod:`syda.open_data.data_version`).

        Raises:
            CorruptData: a ``.dvc`` file is not readable.
        """
        found = {}
        for file in sorted((self.root / paths.RAW).glob("*.dvc")):
            name = file.relative_to(self.root)
            try:
                outs = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["outs"]
                entries = [_entry(out) for out in outs if "md5" in out]
            except (OSError, YAMLError, ValueError, KeyError, TypeError) as error:
                text = f"{name}: {_one_line(error)}: `git checkout -- {name}`"
                raise CorruptData(text) from error
            for entry in entries:
                path = (name.parent / entry.path).as_posix()
                found[path] = name, replace(entry, path=path)
        return found

    def files(self, path: str) -> list[Path]:
        """Files at or below a path that .dvcignore does not hide, sorted."""
        absolute = self.root / path
        if not absolute.is_dir():
            return [absolute] if absolute.exists() else []
        found = map(Path, self._repo.dvcignore.find(self._repo.fs, str(absolute)))
        return sorted(file for file in found if file.is_file())

    def objects(self, entries: Iterable[LockEntry]) -> list[Path]:
        """Cache objects to check, sorted: all of a local cache, of a shared one those named."""
        if self.has_local_cache:
            return [path for path in self._cached() if _is_object(path)]
        names = {entry.md5 for entry in entries}
        for md5 in list(names):
            names |= set((self.listing(md5) or {}).values())
        return sorted(path for path in map(self._object, names) if path.is_file())

    def leftovers(self) -> list[Path]:
        """Files of a local cache that an interrupted write left."""
        files = self._cached() if self.has_local_cache else []
        return [path for path in files if not _is_object(path)]

    def _cached(self) -> list[Path]:
        return sorted(path for path in self.cache.rglob("*") if path.is_file())

    def _object(self, md5: str) -> Path:
        return self.cache / md5[:2] / md5[2:]

    def listing(self, md5: str) -> dict[str, str] | None:
        """md5 of each file of a stored folder; None without a sound ``.dir`` object."""
        path = self._object(md5)
        content = path.read_bytes() if path.is_file() else b""
        if f"{md5_of(content)}.dir" != md5:
            return None
        return {entry["relpath"]: entry["md5"] for entry in json.loads(content)}

    def users(self, entries: Iterable[LockEntry]) -> dict[str, list[str]]:
        """Workspace paths of each cache object, by its md5."""
        found: dict[str, list[str]] = {}
        for entry in entries:
            found.setdefault(entry.md5, []).append(entry.path)
            for name, md5 in (self.listing(entry.md5) or {}).items():
                found.setdefault(md5, []).append(f"{entry.path}/{name}")
        return found

    def relative(self, path: Path) -> str:
        """Path relative to the root if it lies below it."""
        inside = path.is_relative_to(self.root)
        return path.relative_to(self.root).as_posix() if inside else path.as_posix()

    def close(self) -> None:
        """Close DVC's databases."""
        self._repo.close()


def read_lock(content: bytes) -> dict[str, LockedStage]:
    """Parse dvc.lock.

    Raises:
        CorruptData: it is empty, cut off or not a lock file.
    """
    try:
        document = YAML(typ="safe").load(content.decode())
        if not document:
            raise ValueError("it is empty")
        if document["schema"] != "2.0":
            raise ValueError(f"schema {document['schema']!r} is not 2.0")
        if not content.endswith(b"\n"):
            raise ValueError("its last line is cut off")
        return {name: _locked(stage) for name, stage in document["stages"].items()}
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptData(f"{LOCK}: not readable ({_one_line(error)}): `syda doctor`") from error


def _locked(stage: Any) -> LockedStage:
    params = stage.get("params", {})
    if set(params) - {paths.PARAMS.name}:
        raise ValueError(f"params of {', '.join(params)}")
    deps, outs = (
        {entry.path: entry for entry in map(_entry, stage.get(kind, []))}
        for kind in ("deps", "outs")
    )
    return LockedStage(str(stage["cmd"]), deps, dict(params.get(paths.PARAMS.name, {})), outs)


def _entry(entry: Any) -> LockEntry:
    path, md5 = str(entry["path"]), str(entry["md5"])
    if entry.get("hash", "md5") != "md5" or not _MD5.fullmatch(md5):
        raise ValueError(f"{path}: no md5")
    nfiles = int(entry["nfiles"]) if md5.endswith(".dir") else None
    return LockEntry(path, md5, int(entry["size"]), nfiles)


def _declared(stage: Any) -> DeclaredStage:
    outs = {}
    for kind in ("outs", "metrics", "plots"):
        for out in stage.get(kind, []):
            ((path, options),) = out.items() if isinstance(out, dict) else ((out, {}),)
            outs[str(path)] = bool(options.get("cache", True))
    deps, params = (frozenset(stage.get(kind, [])) for kind in ("deps", "params"))
    return DeclaredStage(str(stage["cmd"]), deps, params, outs)


def object_name(path: Path) -> str:
    """md5 that the path of an object promises, followed by ``.dir`` for a folder's listing."""
    return f"{path.parent.name}{path.name}"


def _is_object(path: Path) -> bool:
    return _OBJECT.fullmatch("/".join(path.parts[-2:])) is not None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
