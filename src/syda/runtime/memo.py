"""What earlier runs computed for each case, kept in an ignored folder beside DVC's outs.

DVC runs a stage as a whole and removes its outs first. A case whose input bytes, parameters, code
and libraries are those of an earlier run is taken from here, so that adding a scan costs one scan,
and a killed run loses the cases in work alone. What is taken is hashed again first: a damaged entry
is computed anew.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syda import paths
from syda.params import Section
from syda.runtime import manifest
from syda.runtime.outputs import replace_folder, write_json

_ENTRY = "entry.json"
_FILES = "files"


@dataclass(frozen=True)
class Kept:
    """A case's result.

    Attributes:
        value: what its computation returned.
        key: of its entry.
        reused: whether an earlier run had computed it.
    """

    value: Any
    key: str
    reused: bool


@dataclass(frozen=True)
class Memo:
    """The results of one stage.

    Attributes:
        folder: with an entry a case.
        version: digest of the stage's code, libraries and parameters.
    """

    folder: Path
    version: str

    @classmethod
    def of(cls, root: Path, stage: str, params: Mapping[str, Section | dict[str, Any]]) -> "Memo":
        """Return a stage's store.

        Args:
            root: repository root.
            stage: name of the stage.
            params: the sections of params.yaml it was given, or the keys it uses of them.
        """
        made_by = {
            "code": manifest.code_digest(stage)["sha256"],
            "libraries": manifest.direct_dependencies(),
            "params": manifest.plain(params),
            "python": sys.version,
        }
        text = json.dumps(made_by, sort_keys=True)
        return cls(root / paths.MEMO / stage, hashlib.sha256(text.encode()).hexdigest())

    def case(
        self,
        inputs: Sequence[Path],
        folder: Path,
        compute: Callable[[Path], Any],
        *,
        name: str = "",
    ) -> Kept:
        """Put a case's files into a folder, from an earlier run where there is one.

        Args:
            inputs: files that decide the result by their content; their order and names do not.
            folder: where the case's files go.
            compute: writes them into the folder it is given, and returns what JSON can hold.
            name: whatever else decides the result.
        """
        key = self._key(inputs, name)
        entry = self.folder / key
        value, reused = _sound(entry), True
        if value is None:
            value, reused = _make(entry, compute), False
        for file in sorted((entry / _FILES).iterdir()):
            _link(file, folder / file.name)
        return Kept(value["value"], key, reused)

    def keep_only(self, keys: Iterable[str]) -> None:
        """Remove the entries that a finished run did not use."""
        unused = {path.name for path in self.folder.glob("*")} - set(keys)
        for name in unused:
            shutil.rmtree(self.folder / name)

    @staticmethod
    def summary(cases: Sequence[Kept]) -> str:
        """How many cases were reused and how many computed, for the end of a stage."""
        reused = sum(case.reused for case in cases)
        return f"{reused} cases reused, {len(cases) - reused} new"

    def _key(self, inputs: Sequence[Path], name: str) -> str:
        digests = sorted(manifest.digest_file(path) for path in inputs)
        return hashlib.sha256("\n".join([self.version, name, *digests]).encode()).hexdigest()


def _make(entry: Path, compute: Callable[[Path], Any]) -> dict[str, Any]:
    with replace_folder(entry) as scratch:
        files = scratch / _FILES
        files.mkdir()
        value = {"value": compute(files), "files": _digests(files)}
        write_json(scratch / _ENTRY, value)
    return value


def _sound(entry: Path) -> dict[str, Any] | None:
    """What an entry holds; None where there is none or its files are not what was computed."""
    try:
        value: dict[str, Any] = json.loads((entry / _ENTRY).read_text(encoding="utf-8"))
        return value if value["files"] == _digests(entry / _FILES) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: manifest.digest_file(path) for path in sorted(folder.iterdir())}


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, as DVC's cache does; copy it where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
