"""What SYDA is measured against computes the same where the operations are the same."""

import copy
import math

import pytest
import torch

from syda.model import discriminator, generator, layers, modulated_conv
from syda.model.modulated_conv import modulated_conv3d, same_conv3d

from . import plain_stylegan as plain

SHAPE = {"latent_dim": 6, "mapping_layers": 2, "mapping_lr_multiplier": 0.1, "channels": [4, 5, 3]}


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def shake(module: torch.nn.Module) -> None:
    """Move every weight off its start: zeros there would hide an operation."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)


def test_resampling_is_the_same(rng):
    x = torch.randn(2, 3, 8, 8, 8, generator=rng)
    torch.testing.assert_close(plain.upsample(x), layers.upsample(x))
    torch.testing.assert_close(plain.downsample(x), layers.downsample(x))


@pytest.mark.parametrize("double", [False, True])
def test_modulated_convolution_is_the_same(rng, double):
    x = torch.randn(2, 3, 4, 4, 4, generator=rng)
    weight = torch.randn(5, 3, 3, 3, 3, generator=rng)
    style = torch.randn(2, 3, generator=rng)
    operands = x, weight, style, double
    torch.testing.assert_close(plain.grouped_conv3d(*operands), modulated_conv3d(*operands))


def test_with_the_plain_doubling_the_generator_with_our_weights_draws_our_volumes(rng, monkeypatch):
    # Beyond the edge, our convolution sees zeros, the plain one the last voxel. In all else the
    # two are the same: tests/model/test_upsample_conv.py.
    monkeypatch.setattr(
        modulated_conv, "upsample_conv3d", lambda x, w: same_conv3d(plain.upsample(x), w)
    )
    ours, theirs = generator.Generator(**SHAPE), plain.Generator(**SHAPE)
    shake(ours)
    found = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert not found.missing_keys
    assert set(found.unexpected_keys) == {
        "w_average",
        "synthesis.mean",
        "synthesis.intensity_curve.knots",
    }
    z, noise = ours.draw_latents(2, rng), ours.draw_noise(2, rng)
    assert [layer.shape[-1] for layer in noise] == theirs.sides
    # Where tones and mean are not fitted, only the tanh is ours alone.
    expected = ours(z, torch.empty(2, 0), noise)
    images = theirs.synthesis(theirs.mapping(z), noise)
    torch.testing.assert_close(images.tanh(), expected, rtol=1e-4, atol=1e-5)
    assert images.std() > 0.1


def test_the_discriminator_with_our_weights_sees_our_features(rng):
    ours = discriminator.Discriminator(SHAPE["channels"])
    theirs = plain.Discriminator(SHAPE["channels"])
    shake(ours)
    theirs.blocks.load_state_dict(ours.blocks.state_dict())
    entrance = ours.from_windows[-1]
    with torch.no_grad():  # both windows show the image itself: no tone was fitted
        summed = entrance.weight.sum(dim=1, keepdim=True) / math.sqrt(2)
        theirs.from_image.weight.copy_(summed)
        theirs.from_image.bias.copy_(entrance.bias)
    seen = []
    ours.conv.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = torch.rand(4, 1, 16, 16, 16, generator=rng) * 2 - 1
    ours(ours.windows(image), torch.empty(4, 0))
    features = theirs.features(image)
    torch.testing.assert_close(features, seen[0][:, :4], rtol=1e-4, atol=1e-5)
    # Ours appends the deviation of each feature, theirs the mean of them all.
    appended = plain.minibatch_deviation(features)[:, 4:]
    expected = seen[0][:, 4:].mean(dim=(1, 2, 3, 4), keepdim=True).expand_as(appended)
    torch.testing.assert_close(appended, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("penalties", [True, False])
def test_a_step_trains_both_sides(penalties):
    sides = plain.Generator(**SHAPE), plain.Discriminator(SHAPE["channels"])
    before = copy.deepcopy(sides)
    real = torch.rand(2, 1, 16, 16, 16) * 2 - 1
    training = plain.Training(*sides, gamma=1.0, path_weight=2.0, lr=0.01)
    training.step(real, penalties)
    for old, new in zip(before, sides, strict=True):
        pairs = zip(old.parameters(), new.parameters(), strict=True)
        assert any(not torch.equal(a, b) for a, b in pairs)
    assert (training.path_mean > 0) is penalties
