"""``syda card verify``: the card is rendered again and compared byte for byte with what is here."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syda import paths
from syda.card import (
    build,
    card_file,
    differences,
    documents,
    inputs,
    json_schema,
    releases,
    signoffs,
    snapshots,
)
from syda.card.config import CardParams
from syda.errors import CorruptData, SydaError, UsageError
from syda.params import load
from syda.runtime.digest import digest_path

_LINKS = {
    ".md": re.compile(r"\]\(([^)\s]+)\)"),
    ".html": re.compile(r'(?:href|src)="((?!\w+:)[^"]+)"'),  # into the repository alone
}


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
        For each difference the file, and the field or line with what is wrong there.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: what people write for the card is wrong.
    """
    params, found_inputs = load(root).section("card", CardParams), inputs.read(root)
    signed_off = signoffs.read(root, paths.SIGNOFFS)
    card, document = build.build(found_inputs, signed_off, params)
    right = build.files(card, document, found_inputs.pictures)
    forms = {
        paths.CARD: differences.markdown(card.page),
        paths.CARD_HTML: differences.html(right[paths.CARD_HTML].decode()),
        paths.DATA_PAGE: differences.markdown(card.data_page),
    }
    found = [(path, "is missing") for path in right if not (root / path).is_file()]
    there = {path: (root / path).read_bytes() for path in right if (root / path).is_file()}
    for path, data in there.items():
        if data == right[path]:
            continue
        if path in forms:
            places = list(
                differences.altered_lines(card, forms[path], data.decode(errors="replace"))
            )
        elif path == paths.CARD_JSON:
            places = _altered_values(root, json.loads(right[path]))
        else:
            places = ["is not the structure that card.json has"]
        found += [(path, detail) for detail in places or ["its white space or encoding"]]
    return found


def _altered_values(root: Path, right: dict[str, Any]) -> list[str]:
    try:
        content = documents.read(root, paths.CARD_JSON).content
    except CorruptData as error:
        return [str(error).removeprefix(f"{paths.CARD_JSON}: ")]
    return [*json_schema.faults(content), *differences.altered_values(right, content)]


def _recorded(root: Path) -> Mapping[str, Any]:
    """Return the digests of the inputs, from the manifest of the stage."""
    path = paths.manifest("card")
    for file in (path, paths.CARD):
        if not (root / file).is_file():
            raise UsageError(f"{file} does not exist: `dvc repro card` makes it")
    reads: Mapping[str, Any] = documents.read(root, path).value("reads")
    return reads
