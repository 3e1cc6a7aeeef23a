import numpy as np
import pytest
import torch

from small_generator import UNCONDITIONAL, random_generator, sizes_of
from syda.model.conditions import ConditionSchema
from syda.sampling.sampler import Sampler
from syda.volume.model_space import ModelSpace

SPACE = ModelSpace(8, 1.5, -1000, 1000)
SIZES = sizes_of([1.5 * side / 8 for side in (16, 20, 24)])


@pytest.fixture
def sampler() -> Sampler:
    return Sampler(random_generator(), SPACE, SIZES, UNCONDITIONAL, torch.float32)


def test_a_volume_depends_on_its_seed_alone(sampler):
    first = sampler.sample(5)
    sampler.sample(6)
    again, other = sampler.sample(5), sampler.sample(7)
    np.testing.assert_array_equal(first.volume.hu, again.volume.hu)
    assert first.longest_side == again.longest_side
    assert (first.volume.hu != other.volume.hu).any()


def test_voxel_size_follows_the_longest_side(sampler):
    samples = [sampler.sample(seed) for seed in range(20)]
    sides = {sample.longest_side for sample in samples}
    assert len(sides) > 4
    assert sides <= set(range(16, 25))
    for sample in samples:
        assert sample.volume.hu.shape == (8, 8, 8)
        assert sample.volume.spacing == pytest.approx((1.5 * sample.longest_side / 8,) * 3)


def test_full_truncation_without_noise_is_the_average_volume(sampler):
    for module in sampler.generator.modules():
        if hasattr(module, "noise_strength"):
            module.noise_strength.data.zero_()
    first, second = (sampler.sample(seed, truncation=0.0) for seed in (1, 2))
    np.testing.assert_array_equal(first.volume.hu, second.volume.hu)


@pytest.fixture
def conditional() -> Sampler:
    cases = [
        {"effective_spacing_mm": 3.0 + 0.1 * i, "fat_share": 0.1 + 0.02 * i, "sex": "FM"[i % 2]}
        for i in range(8)
    ]
    conditions = ConditionSchema.fit(cases, ["effective_spacing_mm", "fat_share", "sex"])
    return Sampler(random_generator(conditions), SPACE, SIZES, conditions, torch.float32)


def test_properties_are_sampled_and_described(conditional):
    samples = [conditional.sample(seed) for seed in range(12)]
    assert len({sample.properties["fat_share"] for sample in samples}) > 6
    assert {sample.properties["sex"] for sample in samples} == {"F", "M"}
    for sample in samples:
        assert sample.properties["effective_spacing_mm"] == 1.5 * sample.longest_side / 8
        assert sample.volume.spacing == pytest.approx(
            (sample.properties["effective_spacing_mm"],) * 3
        )


def test_given_properties_are_passed_to_the_generator(conditional):
    plain = conditional.sample(3)
    same = conditional.sample(3, properties=plain.properties)
    np.testing.assert_array_equal(plain.volume.hu, same.volume.hu)
    fat = conditional.sample(3, properties={"fat_share": 0.24})
    assert fat.properties["fat_share"] == 0.24
    assert (fat.volume.hu != plain.volume.hu).any()
    spacious = conditional.sample(3, properties={"effective_spacing_mm": 6.0})
    assert spacious.longest_side == 32
    open_ = conditional.sample(3, properties={"effective_spacing_mm": None})
    assert 16 <= open_.longest_side <= 24


def test_a_term_that_it_does_not_know_is_refused(conditional):
    with pytest.raises(ValueError, match="must be one of F, M"):
        conditional.sample(0, properties={"sex": "X"})


def test_bfloat16_draws_nearly_the_same_volume(conditional):
    exact = conditional.sample(3)
    conditional.dtype = torch.bfloat16
    rounded = conditional.sample(3)
    assert rounded.properties == exact.properties
    difference = np.abs(rounded.volume.hu.astype(int) - exact.volume.hu)
    assert 0 < difference.mean() < 20
