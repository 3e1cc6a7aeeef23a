import copy

import pytest
import torch
from safetensors.torch import save

from small_generator import small_generator
from syda.model.conditions import measure
from syda.model.encoder import Encoder
from syda.training import encoder as training

KNOWN = measure([{"body_width_mm": 300.0 + 10 * i, "sex": "FM"[i % 2]} for i in range(9)], ["sex"])
NOTHING = measure([], [])
RECIPE = training.Recipe(
    seed=3, images=60, ridge=0.01, batch=8, property_dropout=0.1, dtype=torch.float32
)


@pytest.mark.parametrize("known", [KNOWN, NOTHING], ids=["properties", "none"])
def test_explains_most_of_what_it_was_not_trained_on(known):
    """One that always says the mean misses all of the variance: 1."""
    _, missed = training.fit(small_generator(known), known, RECIPE)
    assert 0 < missed < 0.5


def test_the_same_bytes_and_the_generator_as_it_was():
    network = small_generator(KNOWN)
    before = copy.deepcopy(network.state_dict())
    first, second = (training.fit(network, KNOWN, RECIPE)[0] for _ in range(2))
    assert save(first.state_dict()) == save(second.state_dict())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_reads_tones_with_the_generators_curve():
    network = small_generator(NOTHING)
    network.synthesis.tone.fit(torch.rand(4, 1, 8, 8, 8) - 0.5)
    encoder, _ = training.fit(network, NOTHING, RECIPE)
    assert torch.equal(encoder.tone.knots, network.synthesis.tone.knots)


def test_least_squares_find_a_linear_map():
    encoder = Encoder(latent=2, size=4, conditions=0)
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(200, 64, generator=rng, dtype=torch.float64)
    weight = torch.randn(2, 64, generator=rng, dtype=torch.float64)
    training.solve(encoder, features, features @ weight.T + 3, ridge=1e-9)
    assert torch.allclose(encoder.weight.double(), weight, atol=1e-4)
    assert torch.allclose(encoder.bias, torch.tensor(3.0), atol=1e-4)


def test_a_ridge_shrinks_the_weights():
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(50, 64, generator=rng, dtype=torch.float64)
    styles = features[:, :2].clone()
    lengths = []
    for ridge in (1e-6, 1.0, 100.0):
        encoder = Encoder(latent=2, size=4, conditions=0)
        training.solve(encoder, features, styles, ridge)
        lengths.append(encoder.weight.square().sum().item())
    assert lengths == sorted(lengths, reverse=True)
