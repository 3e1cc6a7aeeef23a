"""The files that the stage writes for readers of other formats."""

from collections.abc import Sequence
from pathlib import Path

from syda import paths
from syda.card.exports import chai, croissant, crosswalk, mlbom
from syda.card.exports.values import CardValues
from syda.card.facts import CardSection
from syda.card.inputs import CardInputs
from syda.runtime.outputs import as_json

OUTPUTS = (paths.CROSSWALK, paths.CHAI, paths.CROISSANT, paths.MLBOM)


def files(sections: Sequence[CardSection], inputs: CardInputs, digest: str) -> dict[Path, bytes]:
    """Return the bytes of each file.

    Args:
        sections: of the card, all of them.
        inputs: of the card.
        digest: sha256 of card.json.

    Raises:
        UsageError: crosswalk.yaml is wrong, or names a field that the card does not have.
    """
    values, frames = CardValues.of(sections), crosswalk.read()
    crosswalk.check(frames, values)
    return {
        paths.CROSSWALK: crosswalk.page(frames, values).encode(),
        paths.CHAI: chai.document(frames["chai"], values),
        paths.CROISSANT: as_json(croissant.document(values)),
        paths.MLBOM: as_json(mlbom.document(values, inputs, digest)),
    }
