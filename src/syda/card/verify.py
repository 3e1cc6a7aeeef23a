"""``syda card verify``: the card is rendered again and compared byte for byte with what is here."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syda import paths
from syda.card import (
    build,
    card_file,
    documents,
    inputs,
    releases,
    signoffs,
    snapshots,
)
from syda.card.render import unmarked
from syda.errors import SydaError, UsageError
from syda.runtime.digest import digest_path

_LINKS = {
    ".md": re.compile(r"\]\(([^)\s]+)\)"),
    ".html": re.compile(r'(?:href|src)="((?!\w+:)[^"]+)"'),  # into the repository alone
}


_CELL = re.compile(r"(?<!\\)\| |<t[dh][ >]")
"""What separates the cells of a row, in Markdown and in HTML."""

_SPACE = "its white space or the order of its keys"


@dataclass(frozen=True)
class VerifyResult:
    """Result of `verify`.

    Attributes:
        faults: one line each.
        notes: stale sign-offs, which are no faults.
        checked: numbers of values, inputs, links, sign-offs and releases.
    """

    faults: list[str]
    notes: list[str]
    checked: str


def verify(root: Path) -> VerifyResult:
    """Check the card against its sources: digests, bytes, structure, sign-offs and links.

    Raises:
        CorruptData: card.json cannot be read, or is not of the structure that its schema says.
        UsageError: there is no card, or its stage's manifest is missing.
    """
    document = card_file.read(root)
    recorded = _recorded(root)
    missing = [path for path in inputs.INPUTS if not (root / path).exists()]
    faults = [f"{path}: is missing, the card is made from it" for path in missing]
    faults += [
        f"{path}: is not what the card was made from"
        for path, was in recorded.items()
        if Path(path) not in missing and digest_path(root / path) != was
    ]
    if not missing:
        try:
            faults += [f"{path}: {detail}" for path, detail in altered(root)]
        except SydaError as error:
            faults.append(f"{paths.CARD}: cannot be rendered again ({error})")
    found = releases.versions(root, paths.RELEASES) if paths.RELEASES not in missing else []
    for version in found:
        faults += releases.faults(root, releases.file_of(paths.RELEASES, version))
    links = []
    for page in build.OUTPUTS:
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
    count = len(list(snapshots.facts(document.content)))
    checked = (
        f"{count} values, {len(recorded)} inputs, {len(links)} links, {len(signed)} sign-offs, "
        f"{len(found)} releases"
    )
    return VerifyResult(faults, notes, checked)


def links_of(file: Path, content: str) -> list[str]:
    """Targets of the links of a page, with repetitions; empty for other files."""
    return _LINKS[file.suffix].findall(content) if file.suffix in _LINKS else []


def broken_links(root: Path, file: Path) -> list[str]:
    """Return one line for each broken link of a page.

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
    """Whether a link's file is there, and the anchor in it where the link names one."""
    name, _, anchor = link.partition("#")
    target = file.parent / name
    if name and not target.exists():
        return False
    return not anchor or f'id="{anchor}"' in (_text(target) if name else page)


def _text(file: Path) -> str:
    """Text of a page; empty if it is missing, which the comparison of bytes reports."""
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def altered(root: Path) -> list[tuple[Path, str]]:
    """Render the files of the card again and compare them with the working tree, byte for byte.

    Returns:
        For each file that differs the path, and the fields of the first line that differs.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: what people write for the card is wrong.
    """
    found, signed_off = inputs.read(root), signoffs.read(root, paths.SIGNOFFS)
    right = build.build(found, signed_off).files()
    wrong = {}
    for path, data in right.items():
        there = (root / path).read_bytes() if (root / path).is_file() else None
        if there != data:
            wrong[path] = "is missing" if there is None else there
    marked = build.build(found, signed_off, marked=True) if wrong else None
    return [
        (path, there if isinstance(there, str) else _first_difference(path, there, right, marked))
        for path, there in wrong.items()
    ]


def _first_difference(
    path: Path, there: bytes, right: Mapping[Path, bytes], marked: build.Card | None
) -> str:
    """The first line or value that differs, and the field that it shows."""
    if path == paths.CARD_JSON:
        try:
            return next(_altered_values(json.loads(right[path]), json.loads(there)), _SPACE)
        except ValueError as error:
            return f"not readable as JSON ({error})"
    lines, found = right[path].decode().split("\n"), there.decode(errors="replace").split("\n")
    number = next(
        (n for n, (one, other) in enumerate(zip(lines, found, strict=False)) if one != other),
        min(len(lines), len(found)),
    )
    wanted, shown = (text[number] if number < len(text) else "" for text in (lines, found))
    names = []
    if marked is not None and path in marked.pages and number < len(lines):
        names = _names(marked, marked.pages[path].split("\n")[number], shown)
    where = ", ".join(names[:5]) or f"line {number + 1}"
    return f"{where}: {_short(shown)} stands there, {_short(wanted)} is right"


def _names(marked: build.Card, line: str, shown: str) -> list[str]:
    """The fields in a line of a page, those of the cells that differ if it is a row of a table."""
    cells, others = _CELL.split(line), _CELL.split(shown)
    if len(cells) == len(others):
        line = "".join(
            cell for cell, other in zip(cells, others, strict=True) if unmarked(cell) != other
        )
    return marked.page.names(line)


def _short(text: str, most: int = 60) -> str:
    text = text.strip()
    return repr(text if len(text) <= most else f"{text[: most - 3]}...")


def _altered_values(was: Any, now: Any, at: str = "") -> Iterator[str]:
    """Yield the field of each difference of two documents, or its JSON pointer."""
    if json.dumps(was, sort_keys=True) == json.dumps(now, sort_keys=True):  # 1, 1.0 and true differ
        return
    if isinstance(was, Mapping) and snapshots.is_fact(was):
        yield was["field"]
    elif isinstance(was, Mapping) and isinstance(now, Mapping) and was.keys() == now.keys():
        for key in was:
            escaped = str(key).replace("~", "~0").replace("/", "~1")
            yield from _altered_values(was[key], now[key], f"{at}/{escaped}")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for offset, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _altered_values(one, other, f"{at}/{offset}")
    else:
        yield at or "#"


def _recorded(root: Path) -> Mapping[str, Any]:
    """Return the digests of the inputs, from the manifest of the stage."""
    path = paths.manifest("card")
    for file in (path, paths.CARD):
        if not (root / file).is_file():
            raise UsageError(f"{file} does not exist: `dvc repro card` makes it")
    reads: Mapping[str, Any] = documents.read(root, path).value("reads")
    return reads
