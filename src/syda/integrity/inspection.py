"""What the checks look at, and the faults they name: each damaged file once."""

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
from syda.integrity.recorded import Entry, Repository


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was recorded.

    Attributes:
        where: path relative to the root.
        what: the finding.
        remedy: what to do.
    """

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.remedy}"


class Inspection:
    """A repository's recorded and actual state.

    Every file that a check needs is hashed when this is made.

    Args:
        repository: the repository.
        allow_missing: whether outputs that DVC's cache holds may be absent.

    Attributes:
        declared: stages of dvc.yaml.
        lock: stages of dvc.lock.
        added: what ``dvc add`` put under data/raw.
        params: dotted keys of params.yaml and their values.
        digests: of every file there is.
        faults: what the checks found.
        absent: outputs that are not here and need not be.

    Raises:
        CorruptData: dvc.yaml or dvc.lock cannot be read.
        ParamsError: params.yaml cannot be read.
    """

    def __init__(self, repository: Repository, *, allow_missing: bool) -> None:
        self.repository = repository
        self.root = repository.root
        self.allow_missing = allow_missing
        self.declared = repository.declared()
        self.lock = repository.lock()
        self.added = repository.added()
        self.params = _params(self.root)
        self.faults: list[Fault] = []
        self.absent: list[str] = []
        self._named: set[str] = set()
        self.objects = repository.objects(entry for _, entry in self.outputs().values())
        self.digests = Digests([*self.objects, *self._workspace()], "verify")

    def blame(self, where: str, what: str, remedy: str, *names: str) -> None:
        """Note a fault; ``names`` are other paths that it accounts for."""
        self.faults.append(Fault(where, what, remedy))
        self._named |= {where, *names}

    def blamed(self, path: str) -> bool:
        """Whether a fault names this path, a folder that it lies in, or a file below it."""
        return any(
            name == path or name.startswith(f"{path}/") or path.startswith(f"{name}/")
            for name in self._named
        )

    def here(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return (self.root / path).exists()

    def outputs(self) -> dict[str, tuple[str, Entry]]:
        """What stages wrote and ``dvc add`` took in: path to who recorded it, and the entry."""
        found = {path: (str(file), entry) for path, (file, entry) in self.added.items()}
        for stage in self.lock.values():
            for path, entry in stage.outs.items():
                found[path] = ("dvc.lock", entry)
        return found

    def cached(self, path: str) -> bool:
        """Whether DVC's cache holds this output; git holds it otherwise."""
        return path in self.added or any(s.outs.get(path, False) for s in self.declared.values())

    def folder(self, path: str) -> dict[str, Path]:
        """Files of a folder that DVC sees, by name relative to it."""
        base = self.root / path
        return {file.relative_to(base).as_posix(): file for file in self.repository.files(path)}

    def manifests(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Manifests that are what dvc.lock says: path and content."""
        for path in sorted(self.outputs()):
            if Path(path).parent == paths.MANIFEST and self.here(path) and not self.blamed(path):
                yield path, json.loads((self.root / path).read_text(encoding="utf-8"))

    def _workspace(self) -> list[Path]:
        named = {path for stage in self.lock.values() for path in stage.deps}
        named |= {"src", *self.outputs()}
        return sorted({file for path in named for file in self.repository.files(path)})


def _params(root: Path) -> dict[str, Any]:
    try:
        content = YAML(typ="safe").load((root / paths.PARAMS).read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ParamsError(f"{paths.PARAMS}: cannot be read ({reason})") from error
    if not isinstance(content, dict):
        raise ParamsError(f"{paths.PARAMS}: holds no sections: `git checkout -- {paths.PARAMS}`")
    return content
