"""Cache of results for each case, in ``.work``, which DVC does not manage.

DVC runs a stage as a whole and removes its outputs first. A case with the input bytes, parameters,
code and libraries of an earlier run, also of a killed one, is taken from this cache. So one more
scan costs one scan. An entry is hashed before use; a damaged entry is computed again. Remove
``.work/cases`` to compute everything again.
"""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syda import paths
from syda.params import Section
from syda.runtime import manifest
from syda.runtime.digest import sha256_of, sha256_of_file, sha256_of_json
from syda.runtime.module_dependencies import SOURCE
from syda.runtime.outputs import write_json

_ENTRY = "entry.json"
_FILES = "files"
_SHAPING = ("runtime/case_cache.py", "runtime/outputs.py", "types.py")
"""Files that change cached results and are no part of the code digest of a stage."""


@dataclass(frozen=True)
class CachedResult:
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
class CaseCache:
    """The results of one stage.

    Attributes:
        folder: with an entry a case.
        version: digest of the stage's code, libraries and parameters.
    """

    folder: Path
    version: str

    @classmethod
    def of(
        cls, root: Path, stage: str, params: Mapping[str, Section | dict[str, Any]]
    ) -> "CaseCache":
        """Return a stage's store.

        Args:
            root: repository root.
            stage: name of the stage.
            params: the sections of params.yaml it was given, or the keys it uses of them.
        """
        shaping = [sha256_of_file(SOURCE / "syda" / name) for name in _SHAPING]
        text = json.dumps(
            {**manifest.fingerprint(stage, params), "shaping": shaping}, sort_keys=True
        )
        return cls(root / paths.CASE_CACHE / stage, sha256_of(text))

    def case(
        self,
        inputs: Sequence[Path],
        folder: Path,
        compute: Callable[[Path], Any],
        *,
        name: str = "",
        cacheable: Callable[[Any], bool] = lambda _: True,
        usable: Callable[[Any], bool] = lambda _: True,
    ) -> CachedResult:
        """Put the files of a case into a folder; use an earlier result if there is one.

        Args:
            inputs: files whose content decides the result; order and names do not.
            folder: of the files of the case.
            compute: writes the files into a given folder and returns a JSON value.
            name: anything else that decides the result.
            cacheable: whether a result may be used again. A result that depends on the state of the
                machine, such as a lack of memory, may not.
            usable: whether an earlier result answers the question of this run. Another is computed.
        """
        key = self._key(inputs, name)
        entry = self.folder / key
        found = _sound(entry)
        if found is not None and usable(found["value"]):
            _put(entry / _FILES, folder)
            return CachedResult(found["value"], key, reused=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        # A name of its own: on a cluster a case may be computed twice at once.
        scratch = Path(tempfile.mkdtemp(prefix=f".{key}.", suffix=".partial", dir=self.folder))
        try:
            files = scratch / _FILES
            files.mkdir()
            value = compute(files)
            _put(files, folder)
            if cacheable(value):
                made = {"value": value, "files": _digests(files)}
                write_json(scratch / _ENTRY, made | {"sha256": _digest(made)})
                shutil.rmtree(entry, ignore_errors=True)  # a damaged one, or another answer
                try:
                    scratch.replace(entry)
                except OSError as error:
                    if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                        raise  # else another worker was faster
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return CachedResult(value, key, reused=False)

    def prune(self, keys: Iterable[str]) -> None:
        """Remove the entries that a finished run did not use, and the rest of killed runs."""
        used = set(keys)
        for path in self.folder.glob("*"):
            if path.is_dir() and path.name not in used:
                shutil.rmtree(path, ignore_errors=True)

    @staticmethod
    def summary(cases: Sequence[CachedResult]) -> str:
        """Number of reused and of new cases, as text."""
        reused = sum(case.reused for case in cases)
        return f"{reused} cases reused, {len(cases) - reused} new"

    def _key(self, inputs: Sequence[Path], name: str) -> str:
        digests = sorted(sha256_of_file(path) for path in inputs)
        return sha256_of("\n".join([self.version, name, *digests]))


def _sound(entry: Path) -> dict[str, Any] | None:
    """Content of an entry; None if it is missing or damaged."""
    try:
        found: dict[str, Any] = json.loads((entry / _ENTRY).read_text(encoding="utf-8"))
        made = {"value": found["value"], "files": _digests(entry / _FILES)}
        return made if found["sha256"] == _digest(made) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _digest(made: dict[str, Any]) -> str:
    return sha256_of_json(made)


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of_file(path) for path in sorted(folder.iterdir())}


def _put(files: Path, folder: Path) -> None:
    """Hard-link the files of a case, as DVC's cache does; copy where links do not work."""
    for source in sorted(files.iterdir()):
        target = folder / source.name
        target.unlink(missing_ok=True)  # a case that a cluster computed twice
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
