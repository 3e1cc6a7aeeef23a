"""Stage ``card``: the SYDA model checklist, filled from what the pipeline wrote."""

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from syda import paths
from syda.card import audit, declared, facts, render, signoffs, sources, structure, webpage
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

PICTURES = tuple(
    paths.EVALUATION / name for name in ("synthetic.png", "training_curves.png", "hu_histogram.png")
)
"""What the card shows; none shows a real scan."""

INPUTS = (*REPORTS.values(), *MANIFESTS.values(), *PICTURES, paths.DECLARED, paths.SIGNOFFS)


class Params(Section):
    """Section ``card``."""

    significant_digits: int = Field(ge=2, le=17)
    """Of figures on the page; card.json has them in full."""


def run(root: Path) -> None:
    """Write ``model_card/model_card.md``, the same as ``.html``, and ``model_card/card.json``.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: an input is missing, or declared.yaml or signoffs.yaml is wrong.
    """
    own = load(root).section("card", Params)
    with stage.running(
        root,
        "card",
        reads=INPUTS,
        writes=[paths.CARD, paths.CARD_HTML, paths.CARD_JSON],
        params={"card": own},
    ):
        card, html, document = rendered(root, own.significant_digits)
        write_text(root / paths.CARD, card.page)
        write_text(root / paths.CARD_HTML, html)
        write_json(root / paths.CARD_JSON, document)


def rendered(root: Path, digits: int) -> tuple[render.Card, str, dict[str, Any]]:
    """Return the card, it as HTML, and what card.json holds; nothing is written.

    Args:
        root: repository root.
        digits: significant digits of figures on the page.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: declared.yaml or signoffs.yaml is wrong.
    """
    inputs = sources.Inputs(
        {name: sources.read(root, path) for name, path in REPORTS.items()},
        {name: sources.read(root, path) for name, path in MANIFESTS.items()},
        [sources.Picture(path.as_posix(), (root / path).read_bytes()) for path in PICTURES],
        declared.read(root, paths.DECLARED),
    )
    sections = facts.collect(
        inputs, _network(inputs.manifests["train"], inputs.reports["properties"])
    )
    up = "../" * (len(paths.CARD.parts) - 1)
    card = render.card(
        sections,
        signoffs.read(root, paths.SIGNOFFS),
        digits=digits,
        up=up,
        pictures=paths.EVALUATION.as_posix(),
    )
    html = webpage.render(card.page, {up + one.path: one.data for one in inputs.pictures})
    return card, html, render.document(card, inputs)


def altered(root: Path) -> list[tuple[Path, str]]:
    """Render the card again and hold it against the one that is here, byte for byte.

    Returns:
        For each difference the file, and the field or line with what is wrong there.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: declared.yaml or signoffs.yaml is wrong.
    """
    card, html, document = rendered(root, load(root).section("card", Params).significant_digits)
    forms = {paths.CARD: audit.markdown(card.page), paths.CARD_HTML: audit.html(html)}
    right = {path: form.page.encode() for path, form in forms.items()}
    right[paths.CARD_JSON] = as_json(document)
    found = [(path, "is missing") for path in right if not (root / path).is_file()]
    there = {path: (root / path).read_bytes() for path in right if (root / path).is_file()}
    for path, data in there.items():
        if data == right[path]:
            continue
        if path in forms:
            places = list(audit.altered_lines(card, forms[path], data.decode(errors="replace")))
        else:
            places = _altered_values(root, json.loads(right[path]))
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
