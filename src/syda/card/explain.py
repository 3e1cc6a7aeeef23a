"""``syda card explain``: from a value of the card to its file, stage, code, weights, data, commits.

Nothing here writes a file. The digests come from the manifests. If a file in the working tree
differs from its manifest, the output says so.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from syda import paths
from syda.card import card_file, changes, documents, snapshots
from syda.card.documents import Document
from syda.card.facts import slug
from syda.card.git_history import GitHistory
from syda.errors import UsageError
from syda.runtime.digest import sha256_of_file


def explain(root: Path, field: str) -> Iterator[str]:
    """Yield the chain from a figure to data, weights, code and commits, in lines.

    Args:
        root: repository root.
        field: full name, such as ``5.original_ms_ssim``, or one without the table or row in the
            middle, which names each fact that it fits: ``5.ms_ssim``, ``4.train.loss``.

    Raises:
        CorruptData: card.json or a manifest cannot be read.
        UsageError: there is no card, or no such field.
    """
    found = matching(list(snapshots.facts(card_file.read(root).content)), field)
    pointers: dict[str, None] = {}
    for fact in found:
        yield fact["field"]
        text = "" if fact["kind"] == "absent" else f", {fact['kind']}"
        yield f"  {fact['label']}: {changes.text(fact, None)}{text}"
        if "note" in fact:
            yield f"  note: {fact['note']}"
        for source in fact["sources"]:
            yield f"  from {source}"
            pointers[source.split("#")[0]] = None
    chain = ProvenanceChain(root)
    for file in pointers:
        yield ""
        yield from chain.of(file)


def matching(facts: Sequence[Mapping[str, Any]], field: str) -> list[Mapping[str, Any]]:
    """Return the facts of a field: by full name, else by section and end of the name.

    Raises:
        UsageError: there is none; the message has similar names.
    """
    wanted = ".".join(slug(part) for part in field.split("."))
    if exact := [fact for fact in facts if fact["field"].lower() == wanted]:
        return exact
    if fitting := [fact for fact in facts if _fits(fact["field"].lower(), wanted)]:
        return fitting
    names = [fact["field"] for fact in facts]
    last = wanted.rsplit(".", 1)[-1]
    near = [name for name in names if last and last in name.lower()][:5]
    near += difflib.get_close_matches(wanted, names, n=5, cutoff=0.5)
    near += difflib.get_close_matches(wanted, [_short(name) for name in names], n=5, cutoff=0.5)
    text = ", ".join(list(dict.fromkeys(near))[:5])
    hint = f"near it: {text}" if text else "card.json has the name of each in `field`"
    raise UsageError(f"card explain: {field}: no such field in {paths.CARD_JSON}: {hint}")


def _fits(name: str, wanted: str) -> bool:
    """Whether a name is of that section and ends so; a row matches each of its cells."""
    section = _section(name)
    rest = name[len(section) + 1 :]
    for number in {section, section.split(".")[0]}:
        end = wanted.removeprefix(f"{number}.")
        if end != wanted and any(
            text == end or text.endswith(f".{end}") for text in (rest, rest.rpartition(".")[0])
        ):
            return True
    return False


def _section(name: str) -> str:
    found = re.match(r"\w+\.\d+(?=\.)|\w+", name)
    return found[0] if found else ""


def _short(name: str) -> str:
    section = _section(name)
    return f"{section.split('.')[0]}.{name[len(section) + 1 :].rsplit('.', 1)[-1]}"


class ProvenanceChain:
    """The stages behind a file, by the manifests in the working tree."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._history = GitHistory(root)
        self._manifests: dict[str, Document] = {}
        self._writers: dict[str, str] = {}
        for file in sorted((root / paths.MANIFEST).glob("*.json")):
            document = documents.read(root, paths.MANIFEST / file.name)
            self._manifests[document.path] = document
            self._writers |= dict.fromkeys(document.value("writes"), document.path)
        self._code_lines: dict[str, str] = {}

    def of(self, file: str) -> Iterator[str]:
        """The chain of one file."""
        if not (self._root / file).is_file():
            yield f"{file}: is not here"
            return
        sha256 = sha256_of_file(self._root / file)
        yield f"{file}"
        yield f"  sha256    {sha256}{self._commit({file: sha256})}"
        writer = file if file in self._manifests else self._writers.get(file)
        if writer is None:
            yield f"  written   {self._by_whom(file)}"
            return
        if writer != file:
            recorded = self._manifests[writer].value("writes", file, "sha256")
            same = "with this sha256" if recorded == sha256 else f"as {recorded}: NOT what is here"
            yield f"  written   by stage {self._name(writer)}, {same}"
        yield f"  manifest  {writer}"
        upstream = self._upstream(writer)
        for path in upstream:
            yield f"  code      {self._name(path)}: {self._code(path)}"
        for what, name, by in self._data(upstream):
            yield f"  {what:<9} {name}: {by}"

    def _by_whom(self, file: str) -> str:
        """Origin of a file that no stage wrote."""
        if Path(file).parent == paths.SOURCES and Path(file).suffix != ".yaml":
            return "by `syda fetch`: no stage makes it"
        if not Path(file).is_relative_to(paths.RELEASES):
            return "by hand: no stage makes it"
        record = documents.read(self._root, Path(file))
        version, commit = record.value("report_version"), record.value("commit")
        return f"for release {version}, of commit {commit[:12]}, {record.value('date')}"

    def _upstream(self, writer: str) -> list[str]:
        """Manifests of the stage and of all those before it, nearest first."""
        found, waiting = dict.fromkeys([writer]), [writer]
        while waiting:
            for path in self._manifests[waiting.pop(0)].value("reads"):
                before = self._writers.get(path)
                if before is not None and before not in found:
                    found[before] = None
                    waiting.append(before)
        return list(found)

    def _data(self, upstream: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        """The weights behind the file, and the raw data."""
        weights, raw = paths.WEIGHTS.as_posix(), f"{paths.RAW.as_posix()}/"
        for what, begins in (("weights", weights), ("data", raw)):
            for path in upstream:
                for name, digest in sorted(self._manifests[path].value("writes").items()):
                    if name.startswith(begins):
                        yield what, name, f"sha256 {digest['sha256']}, by {self._name(path)}"
        for path in upstream:  # data that no stage made: raw scans of a data version
            for name, digest in sorted(self._manifests[path].value("reads").items()):
                if name.startswith(raw) and name not in self._writers:
                    yield "data", name, f"sha256 {digest['sha256']}, read by {self._name(path)}"

    def _name(self, path: str) -> str:
        return Path(path).stem

    def _code(self, path: str) -> str:
        """Digest of a stage's code, and the commit that has it."""
        if path not in self._code_lines:
            code = self._manifests[path].value("code")
            commit = self._commit({f"src/{name}": sha for name, sha in code["files"].items()})
            self._code_lines[path] = f"sha256 {code['sha256']}{commit}"
        return self._code_lines[path]

    def _commit(self, files: Mapping[str, str]) -> str:
        commit = self._history.commit_of(files)
        return f", commit {commit}" if commit else ", in no commit that git knows here"
