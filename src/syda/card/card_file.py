"""card.json of the working tree or of a revision, read and checked."""

from pathlib import Path

from syda import paths
from syda.card import documents, json_schema
from syda.card.documents import Document
from syda.card.facts import SCHEMA
from syda.errors import CorruptData, UsageError


def read(root: Path) -> Document:
    """Read card.json of the working tree.

    Raises:
        CorruptData: it cannot be read, or breaks its structure.
        UsageError: it does not exist.
    """
    if not (root / paths.CARD_JSON).is_file():
        raise UsageError(f"{paths.CARD_JSON} does not exist: `dvc repro card` makes it")
    return checked(documents.read(root, paths.CARD_JSON))


def checked(document: Document) -> Document:
    """Return a card.json of the current structure.

    Raises:
        CorruptData: it is of another structure, or breaks it.
    """
    schema = document.content.get("schema") if isinstance(document.content, dict) else None
    if schema != SCHEMA:
        raise CorruptData(
            f"{document.path}: its schema is {schema}, and only {SCHEMA} is read: `dvc repro card` "
            "makes such a card, where the revision is not an earlier one"
        )
    for fault in json_schema.faults(document.content):
        raise CorruptData(f"{document.path}{fault}: `git checkout` the right one, or `dvc repro`")
    return document
