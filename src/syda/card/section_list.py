"""``syda card sections``: the sections with their status and the digest that a sign-off quotes."""

from collections.abc import Iterator
from pathlib import Path

from syda.card import card_file, changes


def sections(root: Path) -> Iterator[str]:
    """Yield number, title, status and digest of each section.

    Raises:
        CorruptData: card.json cannot be read, or is of another schema.
        UsageError: there is no card.
    """
    content = card_file.read(root).content
    for number, status in sorted(content["status"].items(), key=lambda item: int(item[0])):
        title = content["sections"][number]["title"]
        yield f"{number:>2}  {status['digest']}  {title}: {changes.words(status)}"
