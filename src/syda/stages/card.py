"""Stage ``card``: the SYDA model checklist, filled from what the pipeline wrote."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from syda import paths
from syda.card import (
    audit,
    declared,
    facts,
    policy,
    prose,
    releases,
    render,
    signoffs,
    since,
    sources,
    structure,
    webpage,
)
from syda.card.configuration import Layer, Network
from syda.card.schema import SCHEMA
from syda.errors import CorruptData
from syda.model.generator import Generator, layer_table
from syda.params import ModelParams, Section, load
from syda.runtime import stage
from syda.runtime.manifest import digest_file
from syda.runtime.outputs import as_json, write_bytes

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

PICTURES = tuple(
    paths.EVALUATION / name
    for name in ("synthetic.png", "training_curves.png", "hu_histogram.png", "nearest_training.png")
)
"""What the card shows; none shows a real scan."""

WRITTEN = (paths.DECLARED, paths.SIGNOFFS, paths.POLICY)
"""What people write for the card."""

INPUTS = (
    *REPORTS.values(),
    *MANIFESTS.values(),
    *PICTURES,
    *WRITTEN,
    paths.LOCK,
    paths.PROJECT,
    paths.RELEASES,
)

OUTPUTS = (paths.CARD, paths.CARD_HTML, paths.DATA_PAGE, paths.CARD_JSON, paths.CARD_SCHEMA)

_UP = "../" * (len(paths.CARD.parts) - 1)
"""From the card's folder to the root."""


class Params(Section):
    """Section ``card``."""

    significant_digits: int = Field(ge=2, le=17)
    """Of figures on the page; card.json has them in full."""


def run(root: Path) -> None:
    """Write the card as Markdown, HTML and JSON, the JSON Schema, and the data version's page.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: an input is missing, or what people write for the card is wrong or contradicts
            the facts.
    """
    own = load(root).section("card", Params)
    with stage.running(
        root,
        "card",
        reads=INPUTS,
        writes=OUTPUTS,
        params={"card": own},
    ):
        found = inputs(root)
        card, document = rendered(found, signoffs.read(root, paths.SIGNOFFS), own)
        for path, data in files(card, document, found.pictures).items():
            write_bytes(root / path, data)


def inputs(root: Path) -> sources.Inputs:
    """Read what the card is made from, its sign-offs apart.

    Raises:
        CheckFailed: a release was altered.
        CorruptData: a report is unreadable or holds NaN.
        UsageError: declared.yaml or policy.yaml is wrong.
    """
    told = declared.read(root, paths.DECLARED)
    found = releases.read(root, paths.RELEASES)
    version = told.content.report_version
    return sources.Inputs(
        {name: sources.read(root, path) for name, path in REPORTS.items()},
        {name: sources.read(root, path) for name, path in MANIFESTS.items()},
        [sources.Picture(path.as_posix(), (root / path).read_bytes()) for path in PICTURES],
        told,
        sources.lock(root, paths.LOCK),
        sources.project(root, paths.PROJECT),
        policy.read(root, paths.POLICY, SCHEMA),
        releases.before(found, version),
        next((one.record for one in found if one.version == version), None),
        {path.as_posix(): digest_file(root / path) for path in (paths.DECLARED, paths.POLICY)},
    )


def rendered(
    inputs: sources.Inputs, signed_off: Sequence[signoffs.SignOff], own: Params
) -> tuple[render.Card, dict[str, Any]]:
    """Return the card, and what card.json holds; nothing is written.

    Args:
        inputs: what it is made from.
        signed_off: the sign-offs there are.
        own: section ``card`` of params.yaml.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report lacks a value.
        UsageError: the policy requires a field that there is not, or what people write contradicts
            the facts.
    """
    network = _network(inputs.manifests["train"], inputs.reports["properties"])
    sections = facts.collect(inputs, network, signed_off)
    prose.check(inputs, signed_off)
    look = render.Look(own.significant_digits, _UP, paths.EVALUATION.as_posix())
    statuses = render.statuses(sections, signed_off, look)
    *before, pictures = sections
    changes = since.section(inputs, sections, statuses)
    card = render.card([*before, changes, pictures], statuses, look)
    return card, render.document(card, inputs, paths.CARD_SCHEMA.name)


def files(
    card: render.Card, document: dict[str, Any], pictures: Sequence[sources.Picture]
) -> dict[Path, bytes]:
    """The bytes of each output of the stage."""
    html = webpage.render(card.page, {_UP + one.path: one.data for one in pictures})
    return {
        paths.CARD: card.page.encode(),
        paths.CARD_HTML: html.encode(),
        paths.DATA_PAGE: card.data_page.encode(),
        paths.CARD_JSON: as_json(document),
        paths.CARD_SCHEMA: as_json(structure.json_schema()),
    }


def altered(root: Path) -> list[tuple[Path, str]]:
    """Render the card and all beside it again and hold it against what is here, byte for byte.

    Returns:
        For each difference the file, and the field or line with what is wrong there.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: what people write for the card is wrong.
    """
    own, read = load(root).section("card", Params), inputs(root)
    card, document = rendered(read, signoffs.read(root, paths.SIGNOFFS), own)
    right = files(card, document, read.pictures)
    forms = {
        paths.CARD: audit.markdown(card.page),
        paths.CARD_HTML: audit.html(right[paths.CARD_HTML].decode()),
        paths.DATA_PAGE: audit.markdown(card.data_page),
    }
    found = [(path, "is missing") for path in right if not (root / path).is_file()]
    there = {path: (root / path).read_bytes() for path in right if (root / path).is_file()}
    for path, data in there.items():
        if data == right[path]:
            continue
        if path in forms:
            places = list(audit.altered_lines(card, forms[path], data.decode(errors="replace")))
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
