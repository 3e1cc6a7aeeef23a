"""The files of the card, built from its inputs; nothing is written here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from syda import paths
from syda.card import (
    json_schema,
    missing,
    release_changes,
    render,
    sections,
    signoffs,
    status,
    webpage,
)
from syda.card.configuration import Layer, Network
from syda.card.documents import Document
from syda.card.exports import files as exports
from syda.card.facts import APPENDICES, SCHEMA, CardSection
from syda.card.inputs import CardInputs
from syda.card.render import Page, unmarked
from syda.card.seven_cs import SEVEN
from syda.card.status import Status
from syda.disclosure_control import MIN_CELL_SIZE
from syda.model.discriminator import Discriminator, DownBlock
from syda.model.generator import Generator, layer_table
from syda.model.intensity_curve import IntensityCurve
from syda.params import ModelParams
from syda.runtime.digest import sha256_of
from syda.runtime.outputs import as_json
from syda.volume.model_space import PREPROCESSING

PAGES = {
    paths.CARD: paths.CARD_HTML,
    paths.EVIDENCE: paths.EVIDENCE_HTML,
    paths.DATA_PAGE: paths.DATA_PAGE_HTML,
}
"""Pages in Markdown, each with the same page in HTML."""

OUTPUTS = (*PAGES, *PAGES.values(), paths.CARD_JSON, paths.CARD_SCHEMA, *exports.OUTPUTS)

_UP = "../" * (len(paths.CARD.parts) - 1)
"""Path from the folder of the card to the repository root."""


@dataclass(frozen=True)
class Card:
    """The card as built.

    Attributes:
        document: content of card.json.
        pages: text of each page in Markdown and in HTML.
        page: the renderer, which knows the fields of a marked page.
        exports: bytes of each file for readers of other formats.
    """

    document: dict[str, Any]
    pages: Mapping[Path, str]
    page: Page
    exports: Mapping[Path, bytes]

    def files(self) -> dict[Path, bytes]:
        """Return the bytes of each output of the stage."""
        return {
            **{path: text.encode() for path, text in self.pages.items()},
            paths.CARD_JSON: as_json(self.document),
            paths.CARD_SCHEMA: as_json(json_schema.card_schema()),
            **self.exports,
        }


def build(
    inputs: CardInputs, signed_off: Sequence[signoffs.SignOff], *, marked: bool = False
) -> Card:
    """Build the card.

    Args:
        inputs: what it is made from.
        signed_off: the sign-offs there are.
        marked: whether each value on the pages is marked with its field.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report lacks a value.
        UsageError: the policy or the crosswalk names a field that does not exist.
    """
    network = _network(inputs.manifests["train"], inputs.reports["properties"])
    every = sections.collect(inputs, network, signed_off)
    page = Page(inputs.significant_digits, _UP, render.fields_of(every) if marked else None)
    shown = partial(
        page.render,
        preprocessing=PREPROCESSING.values(),
        artificial=inputs.is_artificial,
        pictures=render.Markup(_UP + paths.EVALUATION.as_posix()),
        seven=SEVEN,
        fewest=MIN_CELL_SIZE,
    )
    by = {section.number: section for section in every}
    texts = {one: shown(f"section_{one}.md.j2", by=by).strip() for one in signoffs.SECTIONS}
    evidence = {one: shown(f"evidence_{one}.md.j2", by=by).strip() for one in _EVIDENCE}
    data_page = shown("data_version.md.j2", by=by)
    signed = {
        number: "\n\n".join([text, *(part for one, part in evidence.items() if one == number)])
        for number, text in texts.items()
    }
    signed["2"] += f"\n\n{data_page}"
    statuses = status.signed(
        status.of_sections(every),
        {number: unmarked(text) for number, text in signed.items()},
        signed_off,
    )
    *before, pictures = every
    changes = release_changes.section(inputs, every, statuses)
    every = [*before, changes, pictures]
    by = {section.number: section for section in every}
    evidence_page = shown("evidence.md.j2", by=by, evidence=evidence, appendices=APPENDICES)
    document = _document(every, statuses, inputs)
    digests = {
        "evidence": sha256_of(unmarked(evidence_page)),
        "values": sha256_of(as_json(document)),
    }
    owed = missing.missing_items(every, inputs.declared, inputs.earlier)
    card_page = shown(
        "card.md.j2",
        by=by,
        texts=texts,
        statuses=statuses,
        missing=owed,
        missing_groups=missing.grouped(owed),
        digests=digests,
    )
    pages = {paths.CARD: card_page, paths.EVIDENCE: evidence_page, paths.DATA_PAGE: data_page}
    foot = (
        f"{inputs.declared.content.project_name}, report {inputs.declared.content.report_version}, "
        f"data version {inputs.version}, values {digests['values'][:12]}"
    )
    shots = {_UP + one.path: one.data for one in inputs.pictures}
    html = {PAGES[path]: webpage.render(text, shots, foot) for path, text in pages.items()}
    others = exports.files(every, inputs, digests["values"])
    return Card(document, {**pages, **html}, page, others)


_EVIDENCE = ("2", "3", "4", "5")
"""Sections that have a part in the evidence."""


def _document(
    every: Sequence[CardSection], statuses: Sequence[Status], inputs: CardInputs
) -> dict[str, Any]:
    """Return card.json: every value with its kind and sources, and the digests of the inputs."""
    return {
        "$schema": paths.CARD_SCHEMA.name,
        "schema": SCHEMA,
        "status": {one.number: one.as_json() for one in statuses},
        "sections": {section.number: section.as_json() for section in every},
        "inputs": inputs.measured,
    }


def _network(train: Document, properties: Document) -> Network:
    """Build both networks from the parameters of the training, on the meta device."""
    model = ModelParams(**train.value("params", "model"))
    options = model.networks(properties.value("columns"))
    with torch.device("meta"):
        generator = Generator(**options["generator"])
        discriminator = Discriminator(**options["discriminator"])
    return Network(
        [Layer(*row) for row in layer_table(generator)],
        sum(parameter.numel() for parameter in generator.parameters()),
        _in_words(discriminator),
        sum(parameter.numel() for parameter in discriminator.parameters()),
        any(isinstance(module, IntensityCurve) for module in generator.modules()),
    )


def _in_words(discriminator: Discriminator) -> str:
    """What a discriminator is made of."""
    residual = any(isinstance(module, DownBlock) for module in discriminator.modules())
    outputs, inputs = discriminator.conv.weight.shape[:2]
    parts = [f"{'residual' if residual else 'plain'} convolutions with downsampling"]
    if inputs > outputs:
        parts.append("minibatch deviation")
    first = next(iter(discriminator.from_windows.parameters()))
    if first.shape[1] > 1:
        parts.append("image and equalised image as input")
    if discriminator.embed is not None:
        parts.append("projection of the properties")
    return ", ".join(parts)
