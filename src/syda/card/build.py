"""The card, built from its inputs, and the files that the stage writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from syda import paths
from syda.card import (
    contradictions,
    json_schema,
    release_changes,
    render,
    sections,
    signoffs,
    webpage,
)
from syda.card.config import CardParams
from syda.card.configuration import Layer, Network
from syda.card.documents import Document, Picture
from syda.card.inputs import CardInputs
from syda.model.generator import Generator, layer_table
from syda.params import ModelParams
from syda.runtime.outputs import as_json

OUTPUTS = (paths.CARD, paths.CARD_HTML, paths.DATA_PAGE, paths.CARD_JSON, paths.CARD_SCHEMA)

_UP = "../" * (len(paths.CARD.parts) - 1)
"""Path from the folder of the card to the repository root."""


def build(
    inputs: CardInputs, signed_off: Sequence[signoffs.SignOff], params: CardParams
) -> tuple[render.Card, dict[str, Any]]:
    """Return the card and the content of card.json; nothing is written.

    Args:
        inputs: what it is made from.
        signed_off: the sign-offs there are.
        params: section ``card`` of params.yaml.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report lacks a value.
        UsageError: the policy requires a field that does not exist, or a declared text contradicts
            the facts.
    """
    network = _network(inputs.manifests["train"], inputs.reports["properties"])
    every = sections.collect(inputs, network, signed_off)
    contradictions.check(inputs, signed_off)
    options = render.PageOptions(params.significant_digits, _UP, paths.EVALUATION.as_posix())
    statuses = render.statuses(every, signed_off, options)
    *before, pictures = every
    changes = release_changes.section(inputs, every, statuses)
    card = render.card([*before, changes, pictures], statuses, options)
    return card, render.document(card, inputs, paths.CARD_SCHEMA.name)


def files(
    card: render.Card, document: dict[str, Any], pictures: Sequence[Picture]
) -> dict[Path, bytes]:
    """Return the bytes of each output of the stage."""
    html = webpage.render(card.page, {_UP + one.path: one.data for one in pictures})
    return {
        paths.CARD: card.page.encode(),
        paths.CARD_HTML: html.encode(),
        paths.DATA_PAGE: card.data_page.encode(),
        paths.CARD_JSON: as_json(document),
        paths.CARD_SCHEMA: as_json(json_schema.card_schema()),
    }


def _network(train: Document, properties: Document) -> Network:
    """Build the generator from the parameters of the training, on the meta device."""
    model = ModelParams(**train.value("params", "model"))
    with torch.device("meta"):
        generator = Generator(**model.networks(properties.value("columns"))["generator"])
    layers = [Layer(*row) for row in layer_table(generator)]
    return Network(layers, sum(parameter.numel() for parameter in generator.parameters()))
