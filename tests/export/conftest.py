import json
from pathlib import Path

import pytest

from small_generator import release, sizes_of, small_generator
from syda.export import release_folder
from syda.export.card_values import CardTexts
from syda.export.metadata import ReleasedModel
from syda.export.onnx_graph import to_onnx
from syda.model.conditions import ConditionSchema
from syda.sampling.generation import load_generator

ROOT = Path(__file__).parents[2]
CONDITIONS = ConditionSchema.fit(
    [
        {"body_width_mm": 300.0 + 10 * i, "fat_share": 0.02 * i, "sex": "FM"[i % 2]}
        for i in range(9)
    ],
    ["body_width_mm", "fat_share", "sex"],
)


@pytest.fixture(scope="session")
def card():
    return CardTexts(json.loads((ROOT / "model_card/card.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def model(tmp_path_factory, card):
    folder = tmp_path_factory.mktemp("weights") / "weights"
    release(folder, small_generator(CONDITIONS), CONDITIONS, sizes_of([3.0, 3.75]))
    return ReleasedModel(load_generator(folder), card)


@pytest.fixture(scope="session")
def graph(model):
    return to_onnx(model.module(), model.texts())


@pytest.fixture(scope="session")
def released(tmp_path_factory, model):
    """The folder of a release, and the difference that its check found."""
    folder = tmp_path_factory.mktemp("release")
    card = ROOT / "model_card/model_card.html"
    difference = release_folder.write(folder, model, license_file=ROOT / "LICENSE", card=card)
    return folder, difference
