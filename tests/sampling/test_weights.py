import dataclasses
import json

import pytest
import torch

from small_generator import random_generator, release
from syda import paths
from syda.errors import CorruptData
from syda.model.conditions import ConditionSchema
from syda.model.encoder import Encoder
from syda.model.generator import ARCHITECTURE_VERSION
from syda.sampling import weights


@pytest.fixture
def folder(tmp_path):
    return release(tmp_path / "weights", random_generator(), precision="float32")


def test_round_trip(folder, tmp_path_factory):
    generator, description = weights.load(folder)
    assert description.sizes["numbers"][0]["mean"] == 3.0
    assert (description.images_seen, description.precision) == (8, "float32")
    assert not generator.training
    again = tmp_path_factory.mktemp("again")
    weights.save(again, generator, description)
    for name in (paths.GENERATOR_WEIGHTS, paths.GENERATOR_DESCRIPTION):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def edit(folder, change):
    """Change the description and return what the change returns."""
    path = folder / paths.GENERATOR_DESCRIPTION
    document = json.loads(path.read_text())
    result = change(document)
    path.write_text(json.dumps(document))
    return result


def test_weights_of_another_architecture_are_refused(folder):
    edit(folder, lambda document: document["architecture"].update(channels=[3, 3]))
    with pytest.raises(CorruptData, match="not of the architecture"):
        weights.load(folder)


def test_weights_of_another_architecture_version_are_refused(folder):
    edit(folder, lambda document: document["architecture"].update(since_gone=1))
    removed = edit(folder, lambda document: document.pop("network"))  # older files have none
    assert removed == ARCHITECTURE_VERSION
    message = (
        rf"weights of architecture version 1, .* has version {ARCHITECTURE_VERSION}: check out"
    )
    with pytest.raises(CorruptData, match=message):
        weights.load(folder)


def test_properties_of_another_model_are_refused(folder):
    other = ConditionSchema.fit([{"x": 1.0}], ["x"]).to_json()
    edit(folder, lambda document: document.update(conditions=other))
    with pytest.raises(CorruptData, match="has other conditions than the weights"):
        weights.load(folder)


def test_truncated_weights_are_refused(folder):
    path = folder / paths.GENERATOR_WEIGHTS
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(CorruptData, match="not a readable generator"):
        weights.load(folder)


def test_a_missing_description_is_refused(folder):
    (folder / paths.GENERATOR_DESCRIPTION).unlink()
    with pytest.raises(CorruptData, match="not a readable generator"):
        weights.load(folder)


@pytest.fixture
def encoded(folder):
    """The folder with an encoder, and that encoder."""
    encoder = Encoder(latent_dim=4, size=8, conditions=0)
    encoder.weight.normal_(generator=torch.Generator().manual_seed(0))
    generator, description = weights.load(folder)
    encoding = {"architecture": encoder.architecture, "images": 8, "residual_variance": 0.5}
    weights.save(folder, generator, dataclasses.replace(description, encoder=encoding))
    weights.save_encoder(folder, encoder)
    return folder, encoder


def test_an_encoder_round_trip(encoded):
    folder, encoder = encoded
    again = weights.load_encoder(folder, weights.load(folder)[1])
    assert torch.equal(again.weight, encoder.weight)
    content = (folder / paths.ENCODER_WEIGHTS).read_bytes()
    weights.save_encoder(folder, again)
    assert (folder / paths.ENCODER_WEIGHTS).read_bytes() == content


def test_an_encoder_of_another_generator_is_refused(encoded):
    folder, _ = encoded
    weights.save_encoder(folder, Encoder(latent_dim=5, size=8, conditions=0))
    with pytest.raises(CorruptData, match=r"encoder\.safetensors is not the encoder of"):
        weights.load_encoder(folder, weights.load(folder)[1])


def test_weights_need_no_encoder_but_a_projection_does(folder):
    _, description = weights.load(folder)
    with pytest.raises(CorruptData, match="has no encoder"):
        weights.load_encoder(folder, description)
