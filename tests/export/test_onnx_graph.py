import json

import numpy as np
import onnx
import pytest
import torch

from small_generator import UNCONDITIONAL, release, small_generator
from syda.export.metadata import ReleasedModel
from syda.export.onnx_check import feed, largest_difference, session
from syda.export.onnx_graph import HuGenerator, TabulatedInverse, to_onnx
from syda.model.generator import Generator
from syda.model.intensity_curve import IntensityCurve
from syda.sampling.generation import load_generator
from syda.volume.model_space import ModelSpace

pytestmark = pytest.mark.slow  # the exporter takes seconds


def test_inputs_and_output_have_names_and_a_free_batch(graph, model):
    run = session(graph)
    shapes = {one.name: one.shape for one in run.get_inputs()}
    assert list(shapes) == ["z", "properties", "noise", "truncation"]
    batch = shapes["z"][0]
    assert isinstance(batch, str)
    noise = sum(side**3 for side in (4, 8, 8))
    assert shapes == {
        "z": [batch, 6],
        "properties": [batch, 2 + 2],
        "noise": [batch, noise],
        "truncation": [1],
    }
    (output,) = run.get_outputs()
    assert output.name == "hu"
    assert output.shape[1:] == [8, 8, 8]
    three = [feed(model.generator, seed) for seed in (1, 2, 3)]
    together = {name: np.concatenate([one[name] for one in three]) for name in three[0]}
    together["truncation"] = np.ones(1, np.float32)
    (batch_of_three,) = run.run(None, together)
    alone = [run.run(None, one)[0][0] for one in three]
    np.testing.assert_allclose(batch_of_three, np.stack(alone), atol=0.05)  # HU


def test_a_volume_is_that_of_the_sampler(graph, model):
    """Rounded, and before its end slices are made whole."""
    (hu,) = session(graph).run(None, feed(model.generator, 7, truncation=0.5))
    inputs = model.generator.sampler.inputs(7, {})
    with torch.no_grad():
        image = model.generator.sampler.generator(
            inputs.z, inputs.conditions, inputs.noise, truncation=0.5
        )
    wanted = model.generator.space.decode(image[0].numpy(), inputs.longest_side).hu
    assert np.abs(hu[0].round() - wanted).max() <= 1
    assert wanted.std() > 50


def test_an_unknown_property_is_nan(graph, model):
    given = feed(model.generator, 3)
    given["properties"][:] = [[np.nan, np.nan, 0, 0]]
    (hu,) = session(graph).run(None, given)
    inputs = model.generator.sampler.inputs(3, {})
    with torch.no_grad():
        image = model.generator.sampler.generator(
            inputs.z, torch.zeros_like(inputs.conditions), inputs.noise
        )
    np.testing.assert_allclose(hu[0], image[0, 0].permute(2, 1, 0).numpy() * 1000, atol=0.05)


def test_two_exports_have_the_same_bytes_and_no_path(graph, model):
    assert to_onnx(model.module(), model.texts()) == graph
    assert b".py" not in graph
    assert b"/syda" not in graph.replace(b"models:/syda", b"")


def test_the_metadata_says_what_a_user_needs(graph, model):
    found = {one.key: one.value for one in onnx.load_from_string(graph).metadata_props}
    assert found == model.texts()
    assert found["mark"] == "SYNTHETIC, NOT FOR DIAGNOSIS"
    assert found["weights_sha256"] == model.generator.weights_sha256
    numbers = {one["name"]: one for one in json.loads(found["properties"])["numbers"]}
    assert numbers["body_width_mm"]["unit"] == "mm"
    assert numbers["body_width_mm"]["mean"] == 340.0
    assert found["license"].startswith("Nobody has granted terms")
    assert "released_although_a_test_found_copies" not in found


def test_a_generator_without_properties(tmp_path, card):
    release(tmp_path / "weights", small_generator(UNCONDITIONAL))
    model = ReleasedModel(load_generator(tmp_path / "weights"), card)
    graph = to_onnx(model.module(), model.texts())
    assert largest_difference(graph, model.generator, range(2)) <= 1e-4


def test_the_table_inverts_as_the_search_does():
    curve = IntensityCurve()
    curve.fit(torch.rand(4, 1, 8, 8, 8) - 0.6)
    values = torch.cat((torch.linspace(-1.2, 1.2, 5001), curve.knots, torch.tensor([torch.nan])))
    torch.testing.assert_close(
        TabulatedInverse(curve).inverse(values), curve.inverse(values), equal_nan=True
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("channels", [[16, 16, 12, 8, 8], [16, 16, 12, 8, 8, 4]], ids=["64", "128"])
def test_larger_sides(tmp_path, card, channels):
    torch.manual_seed(0)
    network = Generator(
        latent_dim=16, mapping_layers=2, mapping_lr_multiplier=0.1, channels=channels
    )
    for block in network.synthesis.blocks:
        torch.nn.init.normal_(block.to_image.weight)
    side = 4 * 2 ** (len(channels) - 1)
    space = {"size": side, "spacing_mm": 1.5, "window_min": -1000, "window_max": 1000}
    release(tmp_path / "weights", network, ct=space)
    generator = load_generator(tmp_path / "weights")
    module = HuGenerator(network, generator.sampler.conditions, ModelSpace(**space))
    assert largest_difference(to_onnx(module, {}), generator, range(2)) <= 1e-4
