import pytest
import torch

from syda.training.posterior import Posterior, kl_divergence
from tiny_training import SCHEMA, tiny_module, train_params, training_set


def test_the_divergence_is_that_of_torch():
    mean, log_variance = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    found = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.zeros(5, 3), torch.ones(5, 3))
    expected = torch.distributions.kl_divergence(found, prior).sum(dim=1).mean()
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected)


@pytest.mark.parametrize("side", [8, 16, 32])
def test_any_side_is_read_and_different_volumes_are_told_apart(side):
    torch.manual_seed(0)
    posterior, images = Posterior(4, 0), torch.rand(3, 1, side, side, side) * 2 - 1
    posterior.fit(images)
    mean, _ = posterior(images, torch.empty(3, 0))
    assert mean.std(dim=0).min() > 0.01


def test_reconstruction_alone_fits_the_volumes_and_leaves_the_discriminator_alone():
    """A fifth of the error goes, and z tells the volumes apart: their conditions are hidden."""
    gan = tiny_module(train_params({"log_images": 40}, images=1200, first=1196))
    before = gan.discriminator.state_dict()["conv.weight"].clone()
    whole = training_set()
    for _ in range(299):
        gan.training_step((whole.images[:4], whole.conditions(SCHEMA)[:4] * 0))
    first, last = gan.curves.lines[0], gan.curves.lines[-1]
    assert last["reconstruction"] < 0.8 * first["reconstruction"]
    assert last["kl"] > 1
    assert "loss_d" not in last
    assert torch.equal(before, gan.discriminator.state_dict()["conv.weight"])


def test_without_weight_nothing_is_reconstructed():
    gan = tiny_module(train_params({"reconstruction.weight": 0.0}))
    before = {name: value.clone() for name, value in gan.posterior.state_dict().items()}
    whole = training_set()
    gan.training_step((whole.images[:4], whole.conditions(SCHEMA)[:4]))
    assert "kl" not in gan.curves.lines[0]
    for name, value in gan.posterior.state_dict().items():
        assert torch.equal(value, before[name]), name
