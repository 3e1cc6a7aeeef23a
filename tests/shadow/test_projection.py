import pytest
import torch
from torch.nn import functional

from small_generator import small_generator
from syda.model.conditions import ConditionSchema
from syda.model.intensity_curve import IntensityCurve
from syda.shadow.config import ShadowParams
from syda.shadow.projection import (
    LatentCoordinates,
    Projector,
    SynthesisInputs,
    difference,
)
from syda.training import encoder as training
from tiny_training import train_params

SCHEMA = ConditionSchema.fit(
    [{"body_width_mm": 300.0 + 10 * i} for i in range(9)], ["body_width_mm"]
)
CONDITIONS = SCHEMA.encode({"body_width_mm": 320.0})[None]


def params(steps, style_lr=0.1, noise_lr=0.1, tolerance=0.0, prior=0.0):
    return ShadowParams(
        strength=1.0,
        seed=0,
        steps=steps,
        tolerance=tolerance,
        style_lr=style_lr,
        noise_lr=noise_lr,
        style_prior=prior,
        noise_prior=prior,
        precision="float32",
        copy_share=0.0,
    )


@pytest.fixture(scope="module")
def generator():
    return small_generator(SCHEMA)


@pytest.fixture(scope="module")
def projector(generator):
    train = train_params({"property_dropout": 0.0, "encoder.images": 60}, batch=8)
    encoder, _ = training.fit(generator, SCHEMA, train)
    return Projector(generator, encoder, SCHEMA, torch.float32)


def drawn(generator, seed):
    rng = torch.Generator().manual_seed(seed)
    noise = generator.draw_noise(1, rng)
    return generator(generator.draw_latents(1, rng), CONDITIONS, noise), noise


def test_a_volume_of_the_generator_is_found_again(generator, projector):
    """To a tenth of what lies between two volumes."""
    image, _ = drawn(generator, 1)
    other, noise = drawn(generator, 2)
    found, losses = projector.project(image, CONDITIONS, noise, params(120))
    again = generator.synthesis(found.styles, found.noise)
    assert (again - image).abs().mean() < 0.1 * (other - image).abs().mean()
    assert losses[-1] < 0.2 * losses[0]


def test_starts_nearer_than_the_mean_style(generator, projector):
    image, noise = drawn(generator, 1)
    _, losses = projector.project(image, CONDITIONS, noise, params(120))
    mean = generator(torch.zeros(1, 6), CONDITIONS, noise, truncation=0.0)
    assert losses[0] < difference(generator.synthesis.intensity_curve, mean, image)


def test_the_same_inputs_again(generator, projector):
    image, noise = drawn(generator, 1)
    first, second = (projector.project(image, CONDITIONS, noise, params(120))[0] for _ in range(2))
    assert torch.equal(first.styles, second.styles)
    assert all(map(torch.equal, first.noise, second.noise))


def test_ends_where_the_loss_no_longer_falls(generator, projector):
    image, noise = drawn(generator, 1)
    idle = params(100, 1e-9, 0.0, tolerance=0.5)
    _, losses = projector.project(image, CONDITIONS, noise, idle)
    assert len(losses) == 11  # a tenth of the steps, and the first


def test_priors_hold_styles_and_noise(generator, projector):
    image, noise = drawn(generator, 1)
    tight = params(60, prior=10.0)
    loose = params(60)
    held, _ = projector.project(image, CONDITIONS, noise, tight)
    free, _ = projector.project(image, CONDITIONS, noise, loose)
    average = generator.mapping.conditioned(projector.latents.unconditioned_mean, CONDITIONS)

    def off(inputs):
        return (inputs.styles - average).square().sum()

    assert off(held) < 0.1 * off(free)
    assert held.noise[-1].square().mean() < free.noise[-1].square().mean()


def test_difference_is_the_sum_over_scales():
    rng = torch.Generator().manual_seed(0)
    a, b = (torch.rand(1, 1, 8, 8, 8, generator=rng) for _ in range(2))
    fine = (a - b).abs().mean()
    coarse = functional.avg_pool3d(a - b, 2).abs().mean()
    assert torch.isclose(difference(IntensityCurve(), a, b), fine + coarse)  # of a straight curve
    assert difference(IntensityCurve(), a, a) == 0


def test_interpolation_has_exact_ends_and_a_middle():
    free = SynthesisInputs(torch.zeros(1, 2, 3), [torch.zeros(1, 1, 4, 4, 4)])
    near = SynthesisInputs(torch.full((1, 2, 3), 0.3), [torch.full((1, 1, 4, 4, 4), 0.7)])
    for share, expected in ((0.0, free), (1.0, near)):
        there = free.interpolate(near, share)
        assert torch.equal(there.styles, expected.styles)
        assert torch.equal(there.noise[0], expected.noise[0])
    assert torch.allclose(free.interpolate(near, 0.5).styles, torch.tensor(0.15))


def test_coordinates_and_offsets_are_inverse(generator):
    latents = LatentCoordinates(generator, SCHEMA)
    offsets = latents.offsets(torch.tensor([[0.0, 0, 0, 0, 0, 2.0]]))
    assert torch.allclose(latents.coordinates(offsets)[0, -1], torch.tensor(2.0), atol=1e-4)
