from types import SimpleNamespace

import pytest

from card_reports import prepare
from syda import paths
from syda.card import build, inputs, signoffs


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The card of an invented run: root, inputs, sections of card.json, bytes of the exports."""
    root = prepare(tmp_path_factory.mktemp("exported"))
    found = inputs.read(root)
    card = build.build(found, signoffs.read(root, paths.SIGNOFFS))
    sections = card.document["sections"]
    return SimpleNamespace(root=root, inputs=found, sections=sections, files=card.exports)
