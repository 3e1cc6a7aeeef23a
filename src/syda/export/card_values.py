"""Values of card.json as texts, for the files of the release."""

from pathlib import Path
from typing import Any

from syda import paths
from syda.card import documents, snapshots
from syda.card.snapshots import FactJson
from syda.errors import CorruptData


class CardTexts:
    """The facts of a card by their full names.

    Args:
        card: content of card.json.
    """

    def __init__(self, card: Any) -> None:
        self._facts = {fact["field"]: fact for fact in snapshots.facts(card)}

    def value(self, field: str) -> Any:
        """The raw value; None if it is missing.

        Raises:
            CorruptData: the card has no such field.
        """
        return self._fact(field)["value"]

    def text(self, field: str) -> str:
        """The value with its unit; what is missing says so, and who has to supply it.

        Raises:
            CorruptData: the card has no such field.
        """
        fact = self._fact(field)
        if fact["value"] is None:
            return f"not stated: {fact['owner']} has to supply it"
        return f"{fact['value']} {fact.get('unit', '')}".rstrip()

    def rows(self, table: str) -> list[dict[str, FactJson]]:
        """Rows of a table: each fact by the last part of its name."""
        found: dict[str, dict[str, FactJson]] = {}
        for field, fact in self._facts.items():
            if field.startswith(f"{table}."):
                row, _, column = field.removeprefix(f"{table}.").rpartition(".")
                found.setdefault(row, {})[column] = fact
        return list(found.values())

    def _fact(self, field: str) -> FactJson:
        if field not in self._facts:
            raise CorruptData(f"{paths.CARD_JSON}: has no {field}: `dvc repro card` makes it anew")
        return self._facts[field]


def read(root: Path) -> CardTexts:
    """Read card.json.

    Raises:
        CorruptData: it is not readable as JSON.
    """
    return CardTexts(documents.read(root, paths.CARD_JSON).content)
