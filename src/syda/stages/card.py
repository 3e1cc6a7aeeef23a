"""Stage ``card``: the SYDA model checklist, filled from what the pipeline wrote."""

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from syda import paths
from syda.card import audit, declared, facts, prose, render, signoffs, sources, structure
from syda.card.configuration import Layer, Network
from syda.errors import CorruptData
from syda.model.generator import Generator, layer_table
from syda.params import ModelParams, Section, load
from syda.runtime import stage
from syda.runtime.outputs import as_json, write_json, write_text

REPORTS = {
    "metrics": paths.METRICS,
    "details": paths.EVALUATION / "details.json",
    "convert": paths.CONVERT_REPORT,
    "pack": paths.PACK_REPORT,
    "properties": paths.PROPERTIES,
    "resampled": paths.validation_report("resampled"),
    "records": paths.validation_report("records"),
    "synthetic": paths.validation_report("synthetic"),
}
"""Reports that the card draws on."""

MANIFESTS = {
    "convert": paths.manifest("convert"),
    "resample": paths.manifest("resample"),
    "validate-resampled": paths.manifest("validate", "resampled"),
    "pack": paths.manifest("pack"),
    "validate-records": paths.manifest("validate", "records"),
    "train": paths.manifest("train"),
    "generate": paths.manifest("generate"),
    "validate-synthetic": paths.manifest("validate", "synthetic"),
    "evaluate": paths.manifest("evaluate"),
}
"""Manifests of the stages before this one, in the pipeline's order."""

INPUTS = (
    *REPORTS.values(),
    *MANIFESTS.values(),
    paths.DECLARED,
    paths.SIGNOFFS,
    paths.LOCK,
    paths.PROJECT,
)


class Params(Section):
    """Section ``card``."""

    significant_digits: int = Field(ge=2, le=17)
    """Of figures on the page; card.json has them in full."""


def run(root: Path) -> None:
    """Write the card, the page of the data version, ``card.json`` and its JSON Schema.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: an input is missing, or declared.yaml or signoffs.yaml is wrong or contradicts
            the facts.
    """
    own = load(root).section("card", Params)
    with stage.running(
        root,
        "card",
        reads=INPUTS,
        writes=[paths.CARD, paths.DATA_PAGE, paths.CARD_JSON, paths.CARD_SCHEMA],
        params={"card": own},
    ):
        card, document = rendered(root, own.significant_digits)
        write_text(root / paths.CARD, card.page)
        write_text(root / paths.DATA_PAGE, card.data_page)
        write_json(root / paths.CARD_JSON, document)
        write_json(root / paths.CARD_SCHEMA, structure.json_schema())


def rendered(root: Path, digits: int) -> tuple[render.Card, dict[str, Any]]:
    """Return the card, and what card.json holds; nothing is written.

    Args:
        root: repository root.
        digits: significant digits of figures on the page.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: declared.yaml or signoffs.yaml is wrong, or contradicts the facts.
    """
    inputs = sources.Inputs(
        {name: sources.read(root, path) for name, path in REPORTS.items()},
        {name: sources.read(root, path) for name, path in MANIFESTS.items()},
        declared.read(root, paths.DECLARED),
        sources.lock(root, paths.LOCK),
        sources.project(root, paths.PROJECT),
    )
    signed_off = signoffs.read(root, paths.SIGNOFFS)
    network = _network(inputs.manifests["train"], inputs.reports["properties"])
    sections = facts.collect(inputs, network, signed_off)
    prose.check(inputs, signed_off)
    card = render.card(
        sections,
        signed_off,
        digits=digits,
        up="../" * (len(paths.CARD.parts) - 1),
        pictures=paths.EVALUATION.as_posix(),
    )
    return card, render.document(card, inputs, paths.CARD_SCHEMA.name)


def altered(root: Path) -> list[tuple[Path, str]]:
    """Render the card and all beside it again and hold it against what is here, byte for byte.

    Returns:
        For each difference the file, and the field or line with what is wrong there.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: declared.yaml or signoffs.yaml is wrong.
    """
    card, document = rendered(root, load(root).section("card", Params).significant_digits)
    pages = {paths.CARD: card.page, paths.DATA_PAGE: card.data_page}
    right = {path: page.encode() for path, page in pages.items()}
    right |= {
        paths.CARD_JSON: as_json(document),
        paths.CARD_SCHEMA: as_json(structure.json_schema()),
    }
    found = [(path, "is missing") for path in right if not (root / path).is_file()]
    there = {path: (root / path).read_bytes() for path in right if (root / path).is_file()}
    for path, data in there.items():
        if data == right[path]:
            continue
        if path in pages:
            places = list(audit.altered_lines(card, pages[path], data.decode(errors="replace")))
        elif path == paths.CARD_JSON:
            places = _altered_values(root, json.loads(right[path]))
        else:
            places = ["is not the structure that card.json has"]
        found += [(path, place) for place in places or ["its white space or encoding"]]
    return found


def _altered_values(root: Path, right: dict[str, Any]) -> list[str]:
    try:
        content = sources.read(root, paths.CARD_JSON).content
    except CorruptData as error:
        return [str(error).removeprefix(f"{paths.CARD_JSON}: ")]
    return [*structure.faults(content), *audit.altered_values(right, content)]


def _network(train: sources.Document, properties: sources.Document) -> Network:
    """Build the generator from the parameters that the training was given; nothing is computed."""
    model = ModelParams(**train.value("params", "model"))
    with torch.device("meta"):
        generator = Generator(**model.networks(properties.value("places"))["generator"])
    layers = [Layer(*row) for row in layer_table(generator)]
    return Network(layers, sum(parameter.numel() for parameter in generator.parameters()))
