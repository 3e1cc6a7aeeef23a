"""Stage ``card``: the SYDA model checklist, filled from what the pipeline wrote."""

from pathlib import Path
from typing import Any

from syda import paths
from syda.card import build, inputs, signoffs
from syda.card.config import CardParams
from syda.params import ExportParams, Section, load
from syda.runtime import stage
from syda.runtime.outputs import write_bytes


def run(root: Path) -> None:
    """Write the card, its evidence and the data version's page, card.json and its JSON Schema.

    Raises:
        CheckFailed: reports and manifests are not of one run.
        CorruptData: a report is unreadable, lacks a value, or holds NaN.
        UsageError: an input is missing, or a file that people write for the card is wrong or
            contradicts the facts.
    """
    params = load(root)
    sections: dict[str, Section | dict[str, Any]] = {
        "card": params.section("card", CardParams),
        "export": params.section("export", ExportParams),
    }
    with stage.running(root, "card", reads=inputs.INPUTS, writes=build.OUTPUTS, params=sections):
        found = inputs.read(root)
        card = build.build(found, signoffs.read(root, paths.SIGNOFFS))
        for path, data in card.files().items():
            write_bytes(root / path, data)
