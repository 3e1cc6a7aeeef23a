"""``syda card explain``, ``verify``, ``sections`` and ``diff``: what is asked of a finished card.

Nothing here writes a file. `explain` follows a figure through the manifests to the data; what it
says of a file is what the manifest recorded, and where the file that is here differs it says that.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syda import paths
from syda.card import audit, changes, releases, sources, structure
from syda.card.schema import SCHEMA, slug
from syda.card.sources import Document
from syda.errors import CorruptData, SydaError, UsageError
from syda.params import load
from syda.runtime import manifest
from syda.stages import card as stage
from syda.tools.history import History

_LINKS = {
    ".md": re.compile(r"\]\(([^)\s]+)\)"),
    ".html": re.compile(r'(?:href|src)="((?!\w+:)[^"]+)"'),  # into the repository alone
}


def explain(root: Path, field: str) -> Iterator[str]:
    """Yield the chain from a figure to data, weights, code and commits, in lines.

    Args:
        root: repository root.
        field: full name, such as ``5.original_ms_ssim``, or one without the table or row in the
            middle, which names each fact that it fits: ``5.ms_ssim``, ``4.train.batch``.

    Raises:
        CorruptData: card.json or a manifest cannot be read.
        UsageError: there is no card, or no such field.
    """
    found = matching(list(audit.facts(_card(root).content)), field)
    pointers: dict[str, None] = {}
    for fact in found:
        yield fact["field"]
        told = "" if fact["kind"] == "absent" else f", {fact['kind']}"
        yield f"  {fact['label']}: {changes.text(fact, None)}{told}"
        if "note" in fact:
            yield f"  note: {fact['note']}"
        for source in fact["sources"]:
            yield f"  from {source}"
            pointers[source.split("#")[0]] = None
    chain = _Chain(root)
    for file in pointers:
        yield ""
        yield from chain.of(file)


def matching(facts: Sequence[Mapping[str, Any]], field: str) -> list[Mapping[str, Any]]:
    """Return the facts that a field names: by full name, else those whose name it fits.

    Raises:
        UsageError: none; it tells the nearest names.
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
    told = ", ".join(list(dict.fromkeys(near))[:5])
    hint = f"near it: {told}" if told else "card.json has the name of each in `field`"
    raise UsageError(f"card explain: {field}: no such field in {paths.CARD_JSON}: {hint}")


def _fits(name: str, wanted: str) -> bool:
    """Whether a name is of that section and ends so; a row stands for each of its cells."""
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


class _Chain:
    """Files, the stages that wrote them, and what these read, by the manifests that are here."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._history = History(root)
        self._manifests: dict[str, Document] = {}
        self._writers: dict[str, str] = {}
        for file in sorted((root / paths.MANIFEST).glob("*.json")):
            document = sources.read(root, paths.MANIFEST / file.name)
            self._manifests[document.path] = document
            self._writers |= dict.fromkeys(document.value("writes"), document.path)
        self._told: dict[str, str] = {}

    def of(self, file: str) -> Iterator[str]:
        """The chain of one file."""
        if not (self._root / file).is_file():
            yield f"{file}: is not here"
            return
        sha256 = manifest.digest_file(self._root / file)
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
        """Who wrote what no stage did."""
        if not Path(file).is_relative_to(paths.RELEASES):
            return "by hand: no stage makes it"
        version = Path(file).relative_to(paths.RELEASES).parts[0]
        record = sources.read(self._root, paths.RELEASES / version / releases.RECORD)
        return f"for release {version}, of commit {record.value('commit')[:12]}, and frozen"

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
        """The weights that are behind it, and the data that it began from."""
        weights, raw = paths.WEIGHTS.as_posix(), f"{paths.RAW.as_posix()}/"
        for what, begins in (("weights", weights), ("data", raw)):
            for path in upstream:
                for name, digest in sorted(self._manifests[path].value("writes").items()):
                    if name.startswith(begins):
                        yield what, name, f"sha256 {digest['sha256']}, by {self._name(path)}"
        for path in upstream:  # data that no stage made: an own data version
            for name, digest in sorted(self._manifests[path].value("reads").items()):
                if name.startswith(raw) and name not in self._writers:
                    yield "data", name, f"sha256 {digest['sha256']}, read by {self._name(path)}"

    def _name(self, path: str) -> str:
        return Path(path).stem

    def _code(self, path: str) -> str:
        """Digest of a stage's code, and the commit that has it."""
        if path not in self._told:
            code = self._manifests[path].value("code")
            commit = self._commit({f"src/{name}": sha for name, sha in code["files"].items()})
            self._told[path] = f"sha256 {code['sha256']}{commit}"
        return self._told[path]

    def _commit(self, files: Mapping[str, str]) -> str:
        commit = self._history.commit_of(files)
        return f", commit {commit}" if commit else ", in no commit that git knows here"


@dataclass(frozen=True)
class Verdict:
    """What `verify` found.

    Attributes:
        faults: what is wrong, a line each.
        notes: what is worth knowing and no fault.
        checked: what was looked at.
    """

    faults: list[str]
    notes: list[str]
    checked: str


def verify(root: Path) -> Verdict:
    """Hold the card against its sources: digests, bytes, structure, sign-offs and links.

    Raises:
        CorruptData: card.json cannot be read, or is not of the structure that its schema says.
        UsageError: there is no card, or its stage's manifest is missing.
    """
    document = _card(root)
    recorded = _recorded(root)
    missing = [path for path in stage.INPUTS if not (root / path).exists()]
    faults = [f"{path}: is missing, the card is made from it" for path in missing]
    faults += [
        f"{path}: is not what the card was made from"
        for path, was in recorded.items()
        if Path(path) not in missing and manifest.digest(root / path) != was
    ]
    if not missing:
        try:
            faults += [f"{path}: {place}" for path, place in stage.altered(root)]
        except SydaError as error:
            faults.append(f"{paths.CARD}: cannot be rendered again ({error})")
    found = releases.versions(root, paths.RELEASES) if paths.RELEASES not in missing else []
    for version in found:
        base = paths.RELEASES / version
        wrong = releases.faults(root, base)
        faults += wrong or [
            line for page in stage.OUTPUTS for line in broken_links(root, base / page)
        ]
    links = []
    for page in stage.OUTPUTS:
        faults += broken_links(root, page)
        links += links_of(page, _text(root / page))
    signed = [
        (number, one)
        for number, status in document.content["status"].items()
        for one in status["signoffs"]
    ]
    notes = [
        f"section {number}: stale sign-off of the {one['role']}, {one['date']}"
        for number, one in signed
        if one["stale"]
    ]
    count = len(list(audit.facts(document.content)))
    checked = (
        f"{count} values, {len(recorded)} inputs, {len(links)} links, {len(signed)} sign-offs, "
        f"{len(found)} releases"
    )
    return Verdict(faults, notes, checked)


def links_of(file: Path, content: str) -> list[str]:
    """Targets of a page's links, each as often as it is there; none of what is no page."""
    return _LINKS[file.suffix].findall(content) if file.suffix in _LINKS else []


def broken_links(root: Path, file: Path) -> list[str]:
    """Return what leads nowhere from a page, a line a link.

    Args:
        root: repository root.
        file: the page, relative to root.
    """
    page = _text(root / file)
    return [
        f"{file}: its link {link} leads nowhere"
        for link in dict.fromkeys(links_of(file, page))
        if not _leads(root / file, page, link)
    ]


def _leads(file: Path, page: str, link: str) -> bool:
    """Whether a link's file is there, and the place in it where the link names one."""
    name, _, place = link.partition("#")
    target = file.parent / name
    if name and not target.exists():
        return False
    return not place or f'id="{place}"' in (_text(target) if name else page)


def _text(file: Path) -> str:
    """A page's text; none where it is missing, which the comparison of bytes tells."""
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def sections(root: Path) -> Iterator[str]:
    """Yield number, title, status and digest of each section.

    Raises:
        CorruptData: card.json cannot be read, or is of another schema.
        UsageError: there is no card.
    """
    content = _card(root).content
    for number, status in sorted(content["status"].items(), key=lambda item: int(item[0])):
        title = content["sections"][number]["title"]
        yield f"{number:>2}  {status['digest']}  {title}: {changes.words(status)}"


def diff(root: Path, before: str, after: str | None) -> str:
    """Return what changed between two cards, as Markdown.

    Args:
        root: repository root.
        before: report version of a release; or a branch, tag or commit.
        after: likewise, or None for the working tree.

    Raises:
        CorruptData: a card cannot be read, or is of another schema.
        UsageError: no such release or revision, or it has no card.
    """
    digits = load(root).section("card", stage.Params).significant_digits
    cards = [_card_of(root, name).content for name in (before, after)]
    return changes.page(cards[0], cards[1], (before, after or "working tree"), digits)


def _card_of(root: Path, name: str | None) -> Document:
    """The card of a release, of a revision, or of the working tree."""
    if name is None:
        return _card(root)
    released = paths.RELEASES / name / paths.CARD_JSON
    if releases.VERSION.fullmatch(name) and (root / released).is_file():
        return _known(sources.read(root, released))
    try:
        data = History(root).content(name, paths.CARD_JSON.as_posix())
    except UsageError as error:
        known = ", ".join(releases.versions(root, paths.RELEASES)) or "none"
        raise UsageError(f"{error}; nor is it a release ({known})") from error
    return _known(sources.parse(data, f"{paths.CARD_JSON} of {name}"))


def _recorded(root: Path) -> Mapping[str, Any]:
    """What the card's stage read, by its manifest."""
    path = paths.manifest("card")
    for file in (path, paths.CARD):
        if not (root / file).is_file():
            raise UsageError(f"{file} does not exist: `dvc repro card` makes it")
    reads: Mapping[str, Any] = sources.read(root, path).value("reads")
    return reads


def _card(root: Path) -> Document:
    if not (root / paths.CARD_JSON).is_file():
        raise UsageError(f"{paths.CARD_JSON} does not exist: `dvc repro card` makes it")
    return _known(sources.read(root, paths.CARD_JSON))


def _known(document: Document) -> Document:
    """The card, if it is of the structure that readers rely on."""
    schema = document.content.get("schema") if isinstance(document.content, dict) else None
    if schema != SCHEMA:
        raise CorruptData(
            f"{document.path}: its schema is {schema}, and only {SCHEMA} is read: `dvc repro card` "
            "makes such a card, where the revision is not an earlier one"
        )
    for fault in structure.faults(document.content):
        raise CorruptData(f"{document.path}{fault}: `git checkout` the right one, or `dvc repro`")
    return document
