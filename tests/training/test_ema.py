import pytest
import torch

from syda.model.generator import Generator
from syda.training.ema import Ema


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(latent_dim=2, mapping_layers=1, mapping_lr_multiplier=1.0, channels=[2])


def test_decay_halves_after_the_half_life(generator):
    ema = Ema(generator, half_life=100, ramp=1e9)
    assert ema.decay(100, 1000) == 0.5
    assert ema.decay(10, 1000) ** 10 == pytest.approx(0.5)


def test_half_life_is_a_share_of_the_images_while_these_are_few(generator):
    ema = Ema(generator, half_life=100, ramp=0.1)
    assert ema.decay(8, 80) == 0.5
    assert ema.decay(8, 1000) == ema.decay(8, 100_000)


def test_update_is_the_formula_and_leaves_the_generator_alone(generator):
    ema = Ema(generator, half_life=8, ramp=1e9)
    before = [p.detach().clone() for p in generator.parameters()]
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(1)
    ema.update(generator, 8, 8)
    pairs = zip(ema.average.parameters(), generator.parameters(), before, strict=True)
    for average, parameter, old in pairs:
        torch.testing.assert_close(average, old + 0.5)
        torch.testing.assert_close(parameter, old + 1)
        assert not average.requires_grad
