"""What DVC promises: stages, files and digests of dvc.yaml, dvc.lock, ``*.dvc`` and the cache.

DVC's own state database trusts an unchanged inode and modification time, and its cache trusts a
read-only object, so that nothing here asks DVC whether a file is as it should be: DVC expands its
templates and applies .dvcignore, the rest is read and hashed by :mod:`syda.integrity`. This is the
only module of this room that imports DVC.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.parsing import DataResolver
from dvc.repo import Repo
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from syda import paths
from syda.errors import CorruptData, UsageError

LOCK = Path("dvc.lock")
PIPELINE = Path("dvc.yaml")

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_OBJECT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")


@dataclass(frozen=True)
class Entry:
    """A file or folder of dvc.lock.

    Attributes:
        path: relative to the repository root.
        md5: of the file, or of the folder's listing with ``.dir`` behind it.
        size: bytes, of all files together.
        nfiles: files in the folder; None for a file.
    """

    path: str
    md5: str
    size: int
    nfiles: int | None


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.lock: what its last run was.

    Attributes:
        cmd: the command.
        deps: what it read, by path.
        params: dotted keys of params.yaml and their values (a section is one key).
        outs: what it wrote, by path.
    """

    cmd: str
    deps: Mapping[str, Entry]
    params: Mapping[str, Any]
    outs: Mapping[str, Entry]


@dataclass(frozen=True)
class Declared:
    """A stage of dvc.yaml, its templates expanded.

    Attributes:
        cmd: the command.
        deps: paths.
        params: dotted keys of params.yaml.
        outs: path to whether DVC's cache holds it (git holds the others).
    """

    cmd: str
    deps: frozenset[str]
    params: frozenset[str]
    outs: Mapping[str, bool]


class Repository:
    """A repository as DVC sees it.

    Args:
        root: repository root.

    Raises:
        UsageError: DVC does not run here.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        try:
            self._repo = Repo(str(self.root))
        except NotDvcRepoError as error:
            raise UsageError(
                f"{self.root}: no DVC repository: run this in the repository's root"
            ) from error
        self.cache = Path(self._repo.cache.local.path)
        self.own_cache = self.cache.is_relative_to(self.root)
        self.temporary = Path(self._repo.tmp_dir)
        self.hardlink_lock = bool(self._repo.config["core"].get("hardlink_lock", False))

    def declared(self) -> dict[str, Declared]:
        """Stages of dvc.yaml by name, e.g. ``validate@records``.

        Raises:
            CorruptData: dvc.yaml or what its templates name cannot be read.
        """
        try:
            content = YAML(typ="safe").load((self.root / PIPELINE).read_text(encoding="utf-8"))
            stages = DataResolver(self._repo, str(self.root), content).resolve()["stages"]
        except (OSError, YAMLError, DvcException, AttributeError) as error:
            raise CorruptData(f"{PIPELINE}: {_one_line(error)}: correct it") from error
        return {name: _declared(stage) for name, stage in stages.items()}

    def lock(self) -> dict[str, Stage]:
        """Stages of dvc.lock by name.

        Raises:
            CorruptData: it is missing, empty, cut off or not a lock file.
        """
        try:
            content = (self.root / LOCK).read_bytes()
        except OSError as error:
            raise CorruptData(f"{LOCK}: {error.strerror}: `syda doctor`") from error
        return read_lock(content)

    def added(self) -> dict[str, tuple[Path, Entry]]:
        """What ``dvc add`` put under data/raw: entry and ``.dvc`` file, by path.

        Raises:
            CorruptData: a ``.dvc`` file is unreadable.
        """
        found = {}
        for file in sorted((self.root / paths.RAW).glob("*.dvc")):
            name = file.relative_to(self.root)
            try:
                outs = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["outs"]
                entries = [_entry(out) for out in outs]
            except (OSError, YAMLError, ValueError, KeyError, TypeError) as error:
                raise CorruptData(
                    f"{name}: {_one_line(error)}: `git checkout -- {name}`"
                ) from error
            for entry in entries:
                path = (name.parent / entry.path).as_posix()
                found[path] = (name, Entry(path, entry.md5, entry.size, entry.nfiles))
        return found

    def files(self, path: str) -> list[Path]:
        """Files at or below a path that .dvcignore does not hide, sorted."""
        absolute = self.root / path
        if not absolute.is_dir():
            return [absolute] if absolute.exists() else []
        found = map(Path, self._repo.dvcignore.find(self._repo.fs, str(absolute)))
        return sorted(file for file in found if file.is_file())

    def objects(self, named: Iterable[Entry]) -> list[Path]:
        """Objects to look at, sorted.

        All of the cache where it is this repository's own; of a shared one those of the entries.
        """
        if self.own_cache:
            return [path for path in self._cached() if _is_object(path)]
        names = {entry.md5 for entry in named}
        for md5 in list(names):
            names |= set((self.listing(md5) or {}).values())
        return sorted(path for path in map(self.object, names) if path.is_file())

    def leftovers(self) -> list[Path]:
        """Files of this repository's own cache that are no objects: of an interrupted write."""
        return [path for path in self._cached() if not _is_object(path)] if self.own_cache else []

    def _cached(self) -> list[Path]:
        return sorted(path for path in self.cache.rglob("*") if path.is_file())

    def object(self, md5: str) -> Path:
        """Where the cache keeps the object of this name."""
        return self.cache / md5[:2] / md5[2:]

    def listing(self, md5: str) -> dict[str, str] | None:
        """Names and md5 of a stored folder's files; None where its ``.dir`` object is no help.

        Only a listing that hashes to its own name is used.
        """
        path = self.object(md5)
        content = path.read_bytes() if path.is_file() else b""
        if f"{md5_of(content)}.dir" != md5:
            return None
        return {entry["relpath"]: entry["md5"] for entry in json.loads(content)}

    def users(self, entries: Iterable[Entry]) -> dict[str, list[str]]:
        """Name of an object (md5) to the paths of the workspace that it stands for."""
        found: dict[str, list[str]] = {}
        for entry in entries:
            found.setdefault(entry.md5, []).append(entry.path)
            for name, md5 in (self.listing(entry.md5) or {}).items():
                found.setdefault(md5, []).append(f"{entry.path}/{name}")
        return found

    def shown(self, path: Path) -> str:
        """Path relative to the root where it lies below it."""
        inside = path.is_relative_to(self.root)
        return path.relative_to(self.root).as_posix() if inside else path.as_posix()

    def close(self) -> None:
        """Let go of DVC's databases."""
        self._repo.close()


def read_lock(content: bytes) -> dict[str, Stage]:
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
        return {name: _stage(stage) for name, stage in document["stages"].items()}
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptData(f"{LOCK}: not readable ({_one_line(error)}): `syda doctor`") from error


def _stage(stage: Any) -> Stage:
    params = stage.get("params", {})
    if set(params) - {paths.PARAMS.name}:
        raise ValueError(f"params of {', '.join(params)}")
    return Stage(
        str(stage["cmd"]),
        {entry.path: entry for entry in map(_entry, stage.get("deps", []))},
        dict(params.get(paths.PARAMS.name, {})),
        {entry.path: entry for entry in map(_entry, stage.get("outs", []))},
    )


def _entry(entry: Any) -> Entry:
    path, md5 = str(entry["path"]), str(entry["md5"])
    if entry.get("hash", "md5") != "md5" or not _MD5.fullmatch(md5):
        raise ValueError(f"{path}: no md5")
    nfiles = int(entry["nfiles"]) if md5.endswith(".dir") else None
    return Entry(path, md5, int(entry["size"]), nfiles)


def _declared(stage: Any) -> Declared:
    outs = {}
    for kind in ("outs", "metrics", "plots"):
        for out in stage.get(kind, []):
            ((path, options),) = out.items() if isinstance(out, dict) else ((out, {}),)
            outs[str(path)] = bool(options.get("cache", True))
    return Declared(
        str(stage["cmd"]), frozenset(stage["deps"]), frozenset(stage.get("params", [])), outs
    )


def object_name(path: Path) -> str:
    """md5 that an object's path promises, with ``.dir`` behind it for a folder's listing."""
    return f"{path.parent.name}{path.name}"


def _is_object(path: Path) -> bool:
    return _OBJECT.fullmatch("/".join(path.parts[-2:])) is not None


def md5_of(content: bytes) -> str:
    """md5, hexadecimal, as DVC names things by it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def folder_md5(files: Mapping[str, str]) -> str:
    """DVC's digest of a folder: md5 of the JSON listing of its files, sorted by name.

    Args:
        files: name relative to the folder to md5.
    """
    listing = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return f"{md5_of(json.dumps(listing, sort_keys=True).encode())}.dir"


def flat(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested mappings."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from flat(item, (*keys, str(key)))
    else:
        yield ".".join(keys), value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
