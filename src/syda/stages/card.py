"""Stage ``card``: the SYDA model checklist, filled from what the pipeline wrote."""

from pathlib import Path

import torch
from pydantic import Field

from syda import paths
from syda.card import declared, facts, render, sources
from syda.card.configuration import Layer, Network
from syda.model.generator import Generator, layer_table
from syda.params import ModelParams, Section, load
from syda.runtime import stage
from syda.runtime.outputs import write_json, write_text

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


class Params(Section):
    """Section ``card``."""

    significant_digits: int = Field(ge=2, le=17)
    """Of figures on the page; card.json has them in full."""


def run(root: Path) -> None:
    """Write ``model_card/model_card.md`` and ``model_card/card.json``.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: an input is missing, or declared.yaml is wrong.
    """
    own = load(root).section("card", Params)
    with stage.running(
        root,
        "card",
        reads=[*REPORTS.values(), *MANIFESTS.values(), paths.DECLARED],
        writes=[paths.CARD, paths.CARD_JSON],
        params={"card": own},
    ):
        inputs = sources.Inputs(
            {name: sources.read(root, path) for name, path in REPORTS.items()},
            {name: sources.read(root, path) for name, path in MANIFESTS.items()},
            declared.read(root, paths.DECLARED),
        )
        sections = facts.collect(
            inputs, _network(inputs.manifests["train"], inputs.reports["properties"])
        )
        page = render.markdown(
            sections,
            digits=own.significant_digits,
            up="../" * (len(paths.CARD.parts) - 1),
            pictures=paths.EVALUATION.as_posix(),
        )
        write_text(root / paths.CARD, page)
        write_json(root / paths.CARD_JSON, render.document(sections, inputs))


def _network(train: sources.Document, properties: sources.Document) -> Network:
    """Build the generator from the parameters that the training was given; nothing is computed."""
    model = ModelParams(**train.value("params", "model"))
    with torch.device("meta"):
        generator = Generator(**model.networks(properties.value("places"))["generator"])
    layers = [Layer(*row) for row in layer_table(generator)]
    return Network(layers, sum(parameter.numel() for parameter in generator.parameters()))
