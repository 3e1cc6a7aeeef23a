import dataclasses
import json

import pytest
import torch

from syda.errors import CorruptData
from syda.model.conditions import measure
from syda.model.encoder import Encoder
from syda.model.generator import NETWORK, Generator
from syda.sampling import weights

CT = {"size": 8, "spacing_mm": 1.5, "window_min": -1000, "window_max": 1000}

NONE = measure([], []).to_json()
SIZES = measure([{"effective_spacing_mm": 3.0}], ["effective_spacing_mm"]).to_json()


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    generator = Generator(latent=4, mapping_layers=1, mapping_lr_multiplier=0.1, channels=[3, 2])
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter)
    description = weights.Description(
        generator.architecture, CT, SIZES, NONE, {"version": "v0"}, 8, "float32"
    )
    weights.save(tmp_path, generator, description)
    return tmp_path


def test_round_trip(folder, tmp_path_factory):
    generator, description = weights.load(folder)
    assert description.sizes["numbers"] == SIZES["numbers"]
    assert (description.images_seen, description.precision) == (8, "float32")
    assert not generator.training
    again = tmp_path_factory.mktemp("again")
    weights.save(again, generator, description)
    for name in (weights.WEIGHTS, weights.DESCRIPTION):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_weights_of_another_architecture_are_refused(folder):
    path = folder / weights.DESCRIPTION
    document = json.loads(path.read_text())
    document["architecture"]["channels"] = [3, 3]
    path.write_text(json.dumps(document))
    with pytest.raises(CorruptData, match="not of the architecture"):
        weights.load(folder)


def test_weights_that_this_network_would_draw_otherwise_are_refused(folder):
    path = folder / weights.DESCRIPTION
    document = json.loads(path.read_text())
    assert document.pop("network") == NETWORK  # as files of before say nothing
    document["architecture"]["since_gone"] = 1
    path.write_text(json.dumps(document))
    told = rf"weights of network 1, .* has network {NETWORK}, which draws otherwise: check out"
    with pytest.raises(CorruptData, match=told):
        weights.load(folder)


def test_properties_of_another_model_are_refused(folder):
    path = folder / weights.DESCRIPTION
    document = json.loads(path.read_text())
    document["conditions"] = measure([{"x": 1.0}], ["x"]).to_json()
    path.write_text(json.dumps(document))
    with pytest.raises(CorruptData, match="names other properties than the weights have"):
        weights.load(folder)


def test_truncated_weights_are_refused(folder):
    path = folder / weights.WEIGHTS
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(CorruptData, match="not a readable generator"):
        weights.load(folder)


def test_a_missing_description_is_refused(folder):
    (folder / weights.DESCRIPTION).unlink()
    with pytest.raises(CorruptData, match="not a readable generator"):
        weights.load(folder)


@pytest.fixture
def encoded(folder):
    """The folder with an encoder, and that encoder."""
    encoder = Encoder(latent=4, size=8, conditions=0)
    encoder.weight.normal_(generator=torch.Generator().manual_seed(0))
    generator, description = weights.load(folder)
    told = {"architecture": encoder.architecture, "images": 8, "unexplained": 0.5}
    weights.save(folder, generator, dataclasses.replace(description, encoder=told))
    weights.save_encoder(folder, encoder)
    return folder, encoder


def test_an_encoder_round_trip(encoded):
    folder, encoder = encoded
    again = weights.load_encoder(folder, weights.load(folder)[1])
    assert torch.equal(again.weight, encoder.weight)
    content = (folder / weights.ENCODER).read_bytes()
    weights.save_encoder(folder, again)
    assert (folder / weights.ENCODER).read_bytes() == content


def test_an_encoder_of_another_generator_is_refused(encoded):
    folder, _ = encoded
    weights.save_encoder(folder, Encoder(latent=5, size=8, conditions=0))
    with pytest.raises(CorruptData, match=r"encoder\.safetensors is not the encoder of"):
        weights.load_encoder(folder, weights.load(folder)[1])


def test_weights_need_no_encoder_but_a_projection_does(folder):
    _, description = weights.load(folder)
    with pytest.raises(CorruptData, match="has no encoder"):
        weights.load_encoder(folder, description)
