import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch

from syda.model.generator import ARCHITECTURE_VERSION, Generator, layer_table
from syda.model.layers import downsample, upsample
from syda.model.modulated_conv import ModulatedConv3d

SMALL = {"latent_dim": 6, "mapping_layers": 2, "mapping_lr_multiplier": 0.5, "channels": [5, 4, 3]}
NO_CONDITIONS = torch.empty(0)
CHECKLIST = {
    "latent_dim": 96,
    "mapping_layers": 8,
    "mapping_lr_multiplier": 0.01,
    "channels": [512, 512, 256, 128, 64, 32],
}


@pytest.fixture
def generator() -> Generator:
    """As after some training: no weight is at its initial zero."""
    torch.manual_seed(0)
    generator = Generator(**SMALL)
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter)
    return generator


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_output_is_a_volume_in_range(generator, rng):
    image = generator(generator.draw_latents(2, rng), NO_CONDITIONS, generator.draw_noise(2, rng))
    assert image.shape == (2, 1, 16, 16, 16)
    assert image.dtype == torch.float32
    assert image.abs().max() <= 1


def test_noise_has_one_layer_at_four_voxels_and_two_at_each_finer_resolution(generator, rng):
    assert [n.shape for n in generator.draw_noise(3, rng)] == [
        (3, 1, s, s, s) for s in (4, 8, 8, 16, 16)
    ]


def test_truncation_zero_gives_the_average_and_one_leaves_w_alone(generator, rng):
    generator.measure_average(NO_CONDITIONS[None], rng, 64)
    z = generator.draw_latents(3, rng)
    torch.testing.assert_close(
        generator.style(z, NO_CONDITIONS, 0.0), generator.w_average.expand(3, -1)
    )
    assert torch.equal(generator.style(z, NO_CONDITIONS, 1.0), generator.mapping(z))
    noise = generator.draw_noise(3, rng)
    same = [n[:1].expand_as(n) for n in noise]
    images = generator(z, NO_CONDITIONS, same, truncation=0.0)
    torch.testing.assert_close(images[0], images[1])


def test_measured_average_is_the_mean_style(generator):
    z = generator.draw_latents(64, torch.Generator().manual_seed(5))
    generator.measure_average(NO_CONDITIONS[None], torch.Generator().manual_seed(5), 64)
    torch.testing.assert_close(generator.w_average, generator.mapping(z).mean(dim=0))


def test_noise_of_fewer_layers_gives_a_coarser_volume(generator, rng):
    z, noise = generator.draw_latents(2, rng), generator.draw_noise(2, rng, resolution=8)
    assert [n.shape[-1] for n in noise] == [4, 8, 8]
    assert generator(z, NO_CONDITIONS, noise).shape == (2, 1, 8, 8, 8)


def test_a_resolution_that_joins_does_not_change_the_coarser_image(rng):
    generator = Generator(**SMALL)
    z, noise = generator.draw_latents(2, rng), generator.draw_noise(2, rng)
    coarse = generator.synthesis(generator.style(z, NO_CONDITIONS), noise[:3]).atanh()
    fine = generator.synthesis(generator.style(z, NO_CONDITIONS), noise).atanh()
    assert coarse.any()
    torch.testing.assert_close(fine, upsample(coarse))


def test_the_initial_image_is_the_mean_volume(rng):
    generator = Generator(**SMALL)
    synthesis = generator.synthesis
    torch.nn.init.zeros_(synthesis.to_image.weight)
    images = torch.rand(5, *synthesis.mean.shape[1:], generator=rng) ** 3 * 2 - 1
    synthesis.fit_intensity_curve(images)
    synthesis.init_from_mean(images)
    mean = synthesis.intensity_curve(images).mean(dim=0, keepdim=True)
    z, noise = generator.draw_latents(2, rng), generator.draw_noise(2, rng)
    for volume in generator(z, NO_CONDITIONS, noise):
        torch.testing.assert_close(synthesis.intensity_curve(volume[None]), mean.clamp(-0.98, 0.98))
    coarse = synthesis.intensity_curve(generator(z, NO_CONDITIONS, noise[:3]))
    torch.testing.assert_close(coarse[:1], downsample(mean).clamp(-0.98, 0.98))


def test_samples_of_a_batch_do_not_mix(generator, rng):
    z, noise = generator.draw_latents(3, rng), generator.draw_noise(3, rng)
    alone = generator(z[1:2], NO_CONDITIONS, [n[1:2] for n in noise])
    torch.testing.assert_close(generator(z, NO_CONDITIONS, noise)[1:2], alone, rtol=1e-4, atol=1e-5)


def test_bfloat16_is_close(generator, rng):
    z, noise = generator.draw_latents(2, rng), generator.draw_noise(2, rng)
    difference = generator(z, NO_CONDITIONS, noise, dtype=torch.bfloat16) - generator(
        z, NO_CONDITIONS, noise
    )
    assert difference.abs().max() < 0.1


def test_every_weight_gets_a_gradient(generator, rng):
    generator(
        generator.draw_latents(2, rng), NO_CONDITIONS, generator.draw_noise(2, rng)
    ).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in generator.parameters())


def test_architecture_rebuilds_it(generator):
    twin = Generator(**generator.architecture)
    twin.load_state_dict(generator.state_dict(), strict=True)


def test_layer_table_at_the_checklist_scale():
    with torch.device("meta"):
        rows = layer_table(Generator(**CHECKLIST))
    shapes = [(row.kind, row.output) for row in rows if row.kind != "ToImage"]
    expected = [("EqualizedLinear", (96,))] * 8
    expected += [("Constant", (512, 4, 4, 4)), ("ModulatedConv3d", (512, 4, 4, 4))]
    for channels, side in [(512, 8), (256, 16), (128, 32), (64, 64), (32, 128)]:
        expected += [("ModulatedConv3d", (channels, side, side, side))] * 2
    assert shapes == expected
    assert [row.output for row in rows if row.kind == "ToImage"] == [
        (1, s, s, s) for s in (4, 8, 16, 32, 64, 128)
    ]


def test_layer_table_counts_every_weight(generator):
    total = sum(p.numel() for p in generator.parameters())
    assert sum(row.parameters for row in layer_table(generator)) == total


def test_feature_maps_have_similar_power_in_all_blocks():
    """Were the gain of the upsampling that of a plane, it would fall fourfold in each.

    Of the white constant the first block's low-pass takes most; edges of zeros take their part.
    """
    torch.manual_seed(0)
    rng, powers = torch.Generator().manual_seed(0), []
    generator = Generator(**SMALL | {"channels": [64, 64, 64, 64]})
    for module in generator.modules():
        if isinstance(module, ModulatedConv3d):
            module.register_forward_hook(lambda *found: powers.append(found[2].square().mean()))
    with torch.no_grad():
        generator(generator.draw_latents(8, rng), NO_CONDITIONS, generator.draw_noise(8, rng))
    ends = powers[2::2]  # of each block
    assert len(ends) == 3
    assert 0.1 < ends[0] < 1
    assert all(0.75 < after / before < 1.33 for before, after in pairwise(ends))


@pytest.fixture
def conditional() -> Generator:
    torch.manual_seed(0)
    return Generator(**SMALL, conditions=3)


def test_each_property_moves_w_along_a_line(conditional, rng):
    z = conditional.draw_latents(2, rng)
    nothing = conditional.style(z, torch.zeros(2, 3))
    torch.testing.assert_close(nothing, conditional.mapping(z))
    step = conditional.style(z, torch.eye(3)[:2]) - nothing
    twice = conditional.style(z, 2 * torch.eye(3)[:2]) - nothing
    assert step.abs().amin(dim=1).all()
    torch.testing.assert_close(twice, 2 * step)


def test_truncation_narrows_what_latents_and_conditions_decide(conditional, rng):
    for parameter in conditional.parameters():
        torch.nn.init.normal_(parameter)
    z, conditions = conditional.draw_latents(64, rng), torch.randn(64, 3, generator=rng)
    conditional.measure_average(conditions, rng)
    noise = [layer.expand(64, -1, -1, -1, -1) for layer in conditional.draw_noise(1, rng)]
    spreads = [
        conditional(z, conditions, noise, truncation=psi).std(dim=0).mean().item()
        for psi in (1.0, 0.5, 0.2, 0.0)
    ]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[1] < 0.9 * spreads[0]
    assert spreads[3] < 1e-6


def test_the_mean_style_is_that_of_the_conditions(conditional, rng):
    conditions = torch.randn(5, 3, generator=rng) + 2
    conditional.measure_average(conditions, torch.Generator().manual_seed(5), 64)
    z = conditional.draw_latents(64, torch.Generator().manual_seed(5))
    styles = [conditional.style(z, row.expand(64, -1)).mean(dim=0) for row in conditions]
    torch.testing.assert_close(conditional.w_average, torch.stack(styles).mean(dim=0))


def test_every_weight_of_a_conditional_generator_gets_a_gradient(conditional, rng):
    for parameter in conditional.parameters():
        torch.nn.init.normal_(parameter)
    conditions, noise = torch.randn(2, 3, generator=rng), conditional.draw_noise(2, rng)
    conditional(conditional.draw_latents(2, rng), conditions, noise).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in conditional.parameters())


def test_properties_add_one_row_to_the_layer_table(conditional):
    names = [row.name for row in layer_table(conditional)]
    without = [row.name for row in layer_table(Generator(**SMALL))]
    assert [name for name in names if name != "mapping.embed"] == without
    assert names.index("mapping.embed") == SMALL["mapping_layers"]


def test_a_style_for_each_resolution(generator, rng):
    """One style at all of them is the style itself; another one at the end changes the volume."""
    z, noise = generator.draw_latents(2, rng), generator.draw_noise(2, rng)
    w = generator.style(z, NO_CONDITIONS)
    alike = w[:, None].repeat(1, generator.synthesis.levels, 1)
    torch.testing.assert_close(generator.synthesis(alike, noise), generator.synthesis(w, noise))
    alike[:, -1] = w.flip(0)
    mixed = generator.synthesis(alike, noise)
    assert not torch.allclose(mixed, generator.synthesis(w, noise))
    coarse = generator.synthesis(alike, noise[:3])
    torch.testing.assert_close(coarse, generator.synthesis(w, noise[:3]))


def test_the_same_weights_give_the_same_volume_in_one_architecture_version():
    """Golden values: raise ARCHITECTURE_VERSION if they change on purpose."""
    small = {"latent_dim": 3, "mapping_layers": 2, "mapping_lr_multiplier": 0.1, "channels": [3, 2]}
    generator = Generator(**small).double()
    with torch.no_grad():
        for i, value in enumerate(generator.state_dict().values()):
            if value.shape != generator.synthesis.intensity_curve.knots.shape:
                value.copy_(wave(value.shape, i) / 2)
    noise = [wave((1, 1, side, side, side), side) for side in (4, 8, 8)]
    image = generator(wave((1, 3), 1), NO_CONDITIONS, noise)[0, 0]
    assert ARCHITECTURE_VERSION == 4
    voxels = [(0, 0, 0), (0, 3, 7), (4, 3, 5), (7, 7, 7)]
    found = torch.stack([image[voxel] for voxel in voxels])
    expected = [0.134961022963, 0.804175690169, 0.352896243179, 0.66443043292]
    torch.testing.assert_close(found, torch.tensor(expected).double(), atol=1e-6, rtol=0)


def wave(shape: Sequence[int], phase: float) -> torch.Tensor:
    """Return fixed numbers without a random generator."""
    count = math.prod(shape)
    return torch.arange(count, dtype=torch.float64).mul(1.7).add(phase).sin().reshape(shape)
