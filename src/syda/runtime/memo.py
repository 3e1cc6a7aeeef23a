"""What earlier runs computed for each case, kept in an ignored folder beside DVC's outs.

DVC runs a stage as a whole and removes its outs first. A case whose input bytes, parameters, code
and libraries are those of the last run, or of one that was killed since, is taken from here: adding
a scan costs one scan. What is taken is hashed again first: a damaged entry is computed anew.
Removing ``.work/memo`` computes everything anew.
"""

import errno
import hashlib
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
from syda.runtime.closure import SOURCE
from syda.runtime.outputs import write_json

_ENTRY = "entry.json"
_FILES = "files"
_SHAPING = ("runtime/memo.py", "runtime/outputs.py", "types.py")
"""Files below the package that shape what is kept and are no part of a stage's code digest."""


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
        shaping = [manifest.digest_file(SOURCE / "syda" / name) for name in _SHAPING]
        text = json.dumps({**manifest.made_by(stage, params), "shaping": shaping}, sort_keys=True)
        return cls(root / paths.MEMO / stage, hashlib.sha256(text.encode()).hexdigest())

    def case(
        self,
        inputs: Sequence[Path],
        folder: Path,
        compute: Callable[[Path], Any],
        *,
        name: str = "",
        lasting: Callable[[Any], bool] = lambda _: True,
    ) -> Kept:
        """Put a case's files into a folder, from an earlier run where there is one.

        Args:
            inputs: files that decide the result by their content; their order and names do not.
            folder: where the case's files go.
            compute: writes them into the folder it is given, and returns what JSON can hold.
            name: whatever else decides the result.
            lasting: whether a result may be taken again; one that the machine's state decided, such
                as a lack of memory, may not.
        """
        key = self._key(inputs, name)
        entry = self.folder / key
        found = _sound(entry)
        if found is not None:
            _put(entry / _FILES, folder)
            return Kept(found["value"], key, reused=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        # A name of its own: on a cluster a case may be computed twice at once.
        scratch = Path(tempfile.mkdtemp(prefix=f".{key}.", suffix=".partial", dir=self.folder))
        try:
            files = scratch / _FILES
            files.mkdir()
            value = compute(files)
            _put(files, folder)
            if lasting(value):
                made = {"value": value, "files": _digests(files)}
                write_json(scratch / _ENTRY, made | {"sha256": _digest(made)})
                shutil.rmtree(entry, ignore_errors=True)  # a damaged one
                try:
                    scratch.replace(entry)
                except OSError as error:
                    if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                        raise  # else another worker was faster
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return Kept(value, key, reused=False)

    def keep_only(self, keys: Iterable[str]) -> None:
        """Remove the entries that a finished run did not use, and what killed ones left."""
        used = set(keys)
        for path in self.folder.glob("*"):
            if path.is_dir() and path.name not in used:
                shutil.rmtree(path, ignore_errors=True)

    @staticmethod
    def summary(cases: Sequence[Kept]) -> str:
        """How many cases were reused and how many computed, for the end of a stage."""
        reused = sum(case.reused for case in cases)
        return f"{reused} cases reused, {len(cases) - reused} new"

    def _key(self, inputs: Sequence[Path], name: str) -> str:
        digests = sorted(manifest.digest_file(path) for path in inputs)
        return hashlib.sha256("\n".join([self.version, name, *digests]).encode()).hexdigest()


def _sound(entry: Path) -> dict[str, Any] | None:
    """What an entry holds; None where there is none or it is not what was computed."""
    try:
        found: dict[str, Any] = json.loads((entry / _ENTRY).read_text(encoding="utf-8"))
        made = {"value": found["value"], "files": _digests(entry / _FILES)}
        return made if found["sha256"] == _digest(made) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _digest(made: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: manifest.digest_file(path) for path in sorted(folder.iterdir())}


def _put(files: Path, folder: Path) -> None:
    """Give a case's files a second name, as DVC's cache does; copy where the system has none."""
    for source in sorted(files.iterdir()):
        target = folder / source.name
        target.unlink(missing_ok=True)  # a case that a cluster computed twice
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
