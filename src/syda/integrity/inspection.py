"""The state that the checks of ``syda verify`` read, and the faults that they add."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from syda import paths
from syda.errors import ParamsError
from syda.integrity.digests import Digests
from syda.integrity.dvc_repository import DvcRepository, LockEntry


@dataclass(frozen=True)
class VerifyFault:
    """A path, relative to the root, that differs from its record; what differs; what to do."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.remedy}"


class Inspection:
    """Recorded and actual state of a repository; every file that a check needs is hashed here.

    Args:
        repository: the repository.
        allow_missing: whether outputs that DVC's cache holds may be absent.

    Attributes:
        params: sections of params.yaml.
        digests: of every file.
        faults: found so far; a damaged file is named once.
        absent: outputs that are missing and may be.

    Raises:
        CorruptData: dvc.yaml or dvc.lock is not readable.
        ParamsError: params.yaml is not readable.
    """

    def __init__(self, repository: DvcRepository, *, allow_missing: bool) -> None:
        self.repository, self.root = repository, repository.root
        self.allow_missing = allow_missing
        self.declared, self.lock = repository.declared(), repository.lock()
        self.added = repository.added()
        self.params = _params(self.root)
        self.faults: list[VerifyFault] = []
        self.absent: list[str] = []
        self._faulty: set[str] = set()
        self.objects = repository.objects(entry for _, entry in self.outputs().values())
        read = {path for stage in self.lock.values() for path in stage.deps}
        files = {f for path in ("src", *read, *self.outputs()) for f in repository.files(path)}
        self.digests = Digests([*self.objects, *sorted(files)], "verify")

    def add_fault(self, where: str, what: str, remedy: str, *others: str) -> None:
        """Add a fault; ``others`` are paths that it explains too."""
        self.faults.append(VerifyFault(where, what, remedy))
        self._faulty |= {where, *others}

    def has_fault(self, path: str) -> bool:
        """Whether a fault names this path, a folder around it, or a file below it."""
        return any(
            name == path or name.startswith(f"{path}/") or path.startswith(f"{name}/")
            for name in self._faulty
        )

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return (self.root / path).exists()

    def is_sound(self, *names: str) -> bool:
        """Whether all these exist and have no fault."""
        return all(self.exists(path) and not self.has_fault(path) for path in names)

    def outputs(self) -> dict[str, tuple[str, LockEntry]]:
        """Recording file and entry of each path that a stage wrote or ``dvc add`` took in."""
        found = {path: (str(file), entry) for path, (file, entry) in self.added.items()}
        for stage in self.lock.values():
            found |= {path: ("dvc.lock", entry) for path, entry in stage.outs.items()}
        return found

    def is_cached(self, path: str) -> bool:
        """Whether DVC's cache holds this output; git holds it otherwise."""
        return path in self.added or any(s.outs.get(path, False) for s in self.declared.values())

    def folder(self, path: str) -> dict[str, Path]:
        """Files of a folder that DVC sees, by name relative to it."""
        base = self.root / path
        return {file.relative_to(base).as_posix(): file for file in self.repository.files(path)}

    def manifests(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield path and content of each sound manifest."""
        for path in sorted(self.outputs()):
            if Path(path).parent == paths.MANIFEST and self.is_sound(path):
                yield path, self.read_json(path)

    def read_json(self, path: str) -> dict[str, Any]:
        """Content of a JSON file."""
        content: dict[str, Any] = json.loads((self.root / path).read_text(encoding="utf-8"))
        return content


def _params(root: Path) -> dict[str, Any]:
    try:
        content = YAML(typ="safe").load((root / paths.PARAMS).read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ParamsError(f"{paths.PARAMS}: cannot be read ({reason})") from error
    if not isinstance(content, dict):
        raise ParamsError(f"{paths.PARAMS}: holds no sections: `git checkout -- {paths.PARAMS}`")
    return content
