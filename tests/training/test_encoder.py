import copy

import pytest
import torch
from safetensors.torch import save

from small_generator import small_generator
from syda.model.conditions import ConditionSchema
from syda.model.encoder import Encoder
from syda.training import encoder as training
from tiny_training import train_params

SCHEMA = ConditionSchema.fit(
    [{"body_width_mm": 300.0 + 10 * i, "sex": "FM"[i % 2]} for i in range(9)], ["sex"]
)
NO_CONDITIONS = ConditionSchema.fit([], [])
PARAMS = train_params({"seed": 3, "encoder.images": 60}, batch=8)


@pytest.mark.parametrize("schema", [SCHEMA, NO_CONDITIONS], ids=["properties", "none"])
def test_explains_most_of_the_variance_of_test_volumes(schema):
    """One that always says the mean misses all of the variance: 1."""
    _, residual_variance = training.fit(small_generator(schema), schema, PARAMS)
    assert 0 < residual_variance < 0.5


def test_training_is_reproducible_and_does_not_change_the_generator():
    network = small_generator(SCHEMA)
    before = copy.deepcopy(network.state_dict())
    first, second = (training.fit(network, SCHEMA, PARAMS)[0] for _ in range(2))
    assert save(first.state_dict()) == save(second.state_dict())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_encoder_has_the_generators_intensity_curve():
    network = small_generator(NO_CONDITIONS)
    network.synthesis.intensity_curve.fit(torch.rand(4, 1, 8, 8, 8) - 0.5)
    encoder, _ = training.fit(network, NO_CONDITIONS, PARAMS)
    assert torch.equal(encoder.intensity_curve.knots, network.synthesis.intensity_curve.knots)


def test_least_squares_find_a_linear_map():
    encoder = Encoder(latent_dim=2, size=4, conditions=0)
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
        encoder = Encoder(latent_dim=2, size=4, conditions=0)
        training.solve(encoder, features, styles, ridge)
        lengths.append(encoder.weight.square().sum().item())
    assert lengths == sorted(lengths, reverse=True)
