import pytest
import torch
from torch.nn import functional

from small_generator import small_generator
from syda.model.conditions import measure
from syda.model.tone import Tone
from syda.sampling.projection import Axes, Inputs, Projector, Settings, difference
from syda.training import encoder as training

KNOWN = measure([{"body_width_mm": 300.0 + 10 * i} for i in range(9)], ["body_width_mm"])
TOLD = KNOWN.encode({"body_width_mm": 320.0})[None]
SETTINGS = Settings(
    steps=120, tolerance=0.0, style_lr=0.1, noise_lr=0.1, style_prior=0.0, noise_prior=0.0
)


@pytest.fixture(scope="module")
def generator():
    return small_generator(KNOWN)


@pytest.fixture(scope="module")
def projector(generator):
    recipe = training.Recipe(0, 60, 0.01, 8, 0.0, torch.float32)
    encoder, _ = training.fit(generator, KNOWN, recipe)
    return Projector(generator, encoder, KNOWN, torch.float32)


def drawn(generator, seed):
    rng = torch.Generator().manual_seed(seed)
    noise = generator.draw_noise(1, rng)
    return generator(generator.draw_latents(1, rng), TOLD, noise), noise


def test_a_volume_of_the_generator_is_found_again(generator, projector):
    """To a tenth of what lies between two volumes."""
    image, _ = drawn(generator, 1)
    other, noise = drawn(generator, 2)
    found, losses = projector.project(image, TOLD, noise, SETTINGS)
    again = generator.synthesis(found.styles, found.noise)
    assert (again - image).abs().mean() < 0.1 * (other - image).abs().mean()
    assert losses[-1] < 0.2 * losses[0]


def test_starts_nearer_than_the_mean_style(generator, projector):
    image, noise = drawn(generator, 1)
    _, losses = projector.project(image, TOLD, noise, SETTINGS)
    mean = generator(torch.zeros(1, 6), TOLD, noise, truncation=0.0)
    assert losses[0] < difference(generator.synthesis.tone, mean, image)


def test_the_same_inputs_again(generator, projector):
    image, noise = drawn(generator, 1)
    first, second = (projector.project(image, TOLD, noise, SETTINGS)[0] for _ in range(2))
    assert torch.equal(first.styles, second.styles)
    assert all(map(torch.equal, first.noise, second.noise))


def test_ends_where_the_loss_no_longer_falls(generator, projector):
    image, noise = drawn(generator, 1)
    idle = Settings(100, 0.5, 1e-9, 0.0, 0.0, 0.0)
    _, losses = projector.project(image, TOLD, noise, idle)
    assert len(losses) == 11  # a tenth of the steps, and the first


def test_priors_hold_styles_and_noise(generator, projector):
    image, noise = drawn(generator, 1)
    tight = Settings(60, 0.0, 0.1, 0.1, 10.0, 10.0)
    loose = Settings(60, 0.0, 0.1, 0.1, 0.0, 0.0)
    held, _ = projector.project(image, TOLD, noise, tight)
    free, _ = projector.project(image, TOLD, noise, loose)
    average = generator.mapping.conditioned(generator.w_average[None], TOLD)

    def off(inputs):
        return (inputs.styles - average).square().sum()

    assert off(held) < 0.1 * off(free)
    assert held.noise[-1].square().mean() < free.noise[-1].square().mean()


def test_difference_is_the_sum_over_scales():
    rng = torch.Generator().manual_seed(0)
    a, b = (torch.rand(1, 1, 8, 8, 8, generator=rng) for _ in range(2))
    fine = (a - b).abs().mean()
    coarse = functional.avg_pool3d(a - b, 2).abs().mean()
    assert torch.isclose(difference(Tone(), a, b), fine + coarse)  # of a straight curve
    assert difference(Tone(), a, a) == 0


def test_towards_has_exact_ends_and_a_middle():
    free = Inputs(torch.zeros(1, 2, 3), [torch.zeros(1, 1, 4, 4, 4)])
    near = Inputs(torch.full((1, 2, 3), 0.3), [torch.full((1, 1, 4, 4, 4), 0.7)])
    for share, expected in ((0.0, free), (1.0, near)):
        there = free.towards(near, share)
        assert torch.equal(there.styles, expected.styles)
        assert torch.equal(there.noise[0], expected.noise[0])
    assert torch.allclose(free.towards(near, 0.5).styles, torch.tensor(0.15))


def test_axes_lead_there_and_back(generator):
    axes = Axes(generator, KNOWN)
    offsets = axes.offsets(torch.tensor([[0.0, 0, 0, 0, 0, 2.0]]))
    assert torch.allclose(axes.coordinates(offsets)[0, -1], torch.tensor(2.0), atol=1e-4)
