import numpy as np
import pytest
import torch

from syda.model.generator import Generator
from syda.sampling.sampler import Sampler
from syda.volume.model_space import ModelSpace


@pytest.fixture
def sampler() -> Sampler:
    torch.manual_seed(0)
    generator = Generator(latent=4, mapping_layers=1, mapping_lr_multiplier=0.1, channels=[3, 2])
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter)
    return Sampler(generator, ModelSpace(8, 1.5, -1000, 1000), [16, 20, 24])


def test_a_volume_depends_on_its_seed_alone(sampler):
    first = sampler.sample(5)
    sampler.sample(6)
    again, other = sampler.sample(5), sampler.sample(7)
    np.testing.assert_array_equal(first.volume.hu, again.volume.hu)
    assert first.longest_side == again.longest_side
    assert (first.volume.hu != other.volume.hu).any()


def test_voxel_size_follows_the_longest_side(sampler):
    samples = [sampler.sample(seed) for seed in range(20)]
    assert {sample.longest_side for sample in samples} == {16, 20, 24}
    for sample in samples:
        assert sample.volume.hu.shape == (8, 8, 8)
        assert sample.volume.spacing == pytest.approx((1.5 * sample.longest_side / 8,) * 3)


def test_full_truncation_without_noise_is_the_average_volume(sampler):
    for module in sampler.generator.modules():
        if hasattr(module, "noise_strength"):
            module.noise_strength.data.zero_()
    first, second = (sampler.sample(seed, truncation=0.0) for seed in (1, 2))
    np.testing.assert_array_equal(first.volume.hu, second.volume.hu)
