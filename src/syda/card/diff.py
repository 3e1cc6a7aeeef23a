"""``syda card diff``: what changed between the cards of two releases or revisions, as Markdown."""

from collections.abc import Sequence
from pathlib import Path

from syda import paths
from syda.card import card_file, changes, documents, releases, snapshots
from syda.card.config import CardParams
from syda.card.git_history import GitHistory
from syda.card.render import escape
from syda.card.snapshots import FactJson, Snapshot
from syda.errors import UsageError
from syda.params import load

HEADINGS = {
    "crossed": "Verdicts and goals crossed",
    "values": "Measured and derived values",
    "protocol": "Figures of another protocol, not to be compared",
    "text": "Declared text",
    "missing": "Values that came or went missing",
    "one-sided": "Fields that one of the two alone has, renamed ones among them",
}
"""Kinds of change, the most important first."""


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
    digits = load(root).section("card", CardParams).significant_digits
    cards = (_snapshot(root, before), _snapshot(root, after))
    return page(*cards, (before, after or "working tree"), digits)


def _snapshot(root: Path, name: str | None) -> Snapshot:
    """The card of a release, of a revision, or of the working tree."""
    if name is None:
        return snapshots.of_card(card_file.read(root).content)
    found = {one.version: one for one in releases.read(root, paths.RELEASES)}
    if name in found:
        return found[name].snapshot()
    try:
        data = GitHistory(root).content(name, paths.CARD_JSON.as_posix())
    except UsageError as error:
        raise UsageError(f"{error}; nor is it a release ({', '.join(found) or 'none'})") from error
    document = card_file.checked(documents.parse(data, f"{paths.CARD_JSON} of {name}"))
    return snapshots.of_card(document.content)


def page(before: Snapshot, after: Snapshot, names: tuple[str, str], digits: int) -> str:
    """Return the changes as Markdown.

    Args:
        before: one card.
        after: the other.
        names: of the two, for the headings.
        digits: significant digits of figures; more where fewer would show no difference.
    """
    found, digests = changes.between(before, after)
    parts = [f"## Model card: {escape(names[0])} to {escape(names[1])}"]
    for kind, heading in HEADINGS.items():
        rows = [(c.field, *shown(c.was, c.now, digits)) for c in found if c.kind == kind]
        if rows:
            parts.append(f"### {heading}\n\n{_table(('field', *names), rows)}")
    if digests:
        parts.append(f"{digests} input files differ by their sha256.")
    statuses = changes.changed_statuses(before, after)
    if statuses:
        parts.append(f"### Status of sections\n\n{_table(('section', *names), statuses)}")
    lost = list(changes.lost_signoffs(before, after))
    if lost:
        parts.append("### Sign-offs lost\n\n" + _table(("section", "who", "why"), lost))
    if len(parts) == 1:
        parts.append("Nothing differs.")
    elif before.released or after.released:
        parts.insert(1, "Compared are the values that a release holds.")
    return "\n\n".join(parts)


def shown(was: FactJson | None, now: FactJson | None, digits: int) -> tuple[str, str]:
    """Two values as text, with enough digits to differ if they do."""
    short = (changes.text(was, digits), changes.text(now, digits))
    return short if short[0] != short[1] else (changes.text(was, None), changes.text(now, None))


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(map(escape, heading)) + " |", "| --- " * len(heading) + "|"]
    lines += ["| " + " | ".join(map(escape, row)) + " |" for row in rows]
    return "\n".join(lines)
