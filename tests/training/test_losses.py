import math

import pytest
import torch

from syda.model.discriminator import Discriminator
from syda.model.synthesis import Synthesis
from syda.training.losses import (
    ada_rt,
    discriminator_loss,
    generator_loss,
    path_lengths,
    r1_penalty,
)

DOUBLE = torch.float64


def test_losses_of_given_logits():
    real, fake = torch.tensor([0.0, 2.0]), torch.tensor([-1.0, 0.0])
    expected = (math.log(2) + math.log1p(math.exp(-2))) / 2
    expected += (math.log1p(math.exp(-1)) + math.log(2)) / 2
    assert discriminator_loss("nonsaturating", real, fake).item() == pytest.approx(expected)
    expected = (math.log1p(math.exp(1)) + math.log(2)) / 2
    assert generator_loss("nonsaturating", real, fake).item() == pytest.approx(expected)


def test_a_confident_discriminator_leaves_the_generator_a_gradient():
    """The point of the non-saturating form."""
    logit = torch.tensor([-30.0], requires_grad=True)
    generator_loss("nonsaturating", logit, logit).backward()
    assert logit.grad.item() == pytest.approx(-1)


def test_minmax_is_one_value_for_both_sides():
    """What the discriminator minimises, the generator maximises: its part of it, exactly."""
    real, fake = torch.tensor([0.0, 2.0]), torch.tensor([-1.0, 0.5])
    both = discriminator_loss("minmax", real, fake)
    assert both == discriminator_loss("nonsaturating", real, fake)
    of_real = discriminator_loss("minmax", real, torch.full((2,), -1e9))
    torch.testing.assert_close(-generator_loss("minmax", real, fake), both - of_real)


def test_rpgan_depends_only_on_differences_of_logits():
    real, fake = torch.tensor([0.0, 2.0]), torch.tensor([-1.0, 0.5])
    expected = (math.log1p(math.exp(-1)) + math.log1p(math.exp(-1.5))) / 2
    assert discriminator_loss("rpgan", real, fake).item() == pytest.approx(expected)
    torch.testing.assert_close(
        discriminator_loss("rpgan", real + 7, fake + 7), discriminator_loss("rpgan", real, fake)
    )
    torch.testing.assert_close(
        generator_loss("rpgan", real, fake), discriminator_loss("rpgan", fake, real)
    )


def test_ada_rt_is_the_mean_sign_of_real_logits_or_of_pairs():
    real, fake = torch.tensor([1.0, 2.0, -1.0, 3.0]), torch.tensor([0.0, 5.0, 0.0, 0.0])
    assert ada_rt("nonsaturating", real, fake) == 0.5
    assert ada_rt("rpgan", real, fake) == 0.0


def test_r1_of_a_linear_discriminator_is_its_squared_norm():
    """All four axes of a sample are summed, and the mean is taken over samples."""
    rng = torch.Generator().manual_seed(0)
    weight = torch.randn(1, 3, 4, 5, generator=rng)
    real = torch.randn(6, 1, 3, 4, 5, generator=rng, requires_grad=True)
    logits = (real * weight).sum(dim=(1, 2, 3, 4))
    torch.testing.assert_close(r1_penalty(logits, real), weight.square().sum())


def test_the_gradient_of_r1_equals_finite_differences():
    """A penalty without ``create_graph`` would have no gradient at all."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 1, 2, 2, 2, generator=rng, dtype=DOUBLE)
    weight = torch.randn(1, 2, 2, 2, generator=rng, dtype=DOUBLE)

    def penalty(w):
        real = x.clone().requires_grad_()
        return r1_penalty(torch.tanh((real * w).sum(dim=(1, 2, 3, 4))), real)

    at = weight.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(penalty(at), at)
    step = torch.zeros_like(weight)
    step[0, 1, 0, 1] = 1e-6
    slope = (penalty(weight + step) - penalty(weight - step)) / 2e-6
    torch.testing.assert_close(gradient[0, 1, 0, 1], slope.detach(), rtol=1e-6, atol=1e-8)


def test_path_length_of_a_linear_map_is_the_norm_of_its_adjoint():
    rng = torch.Generator().manual_seed(0)
    jacobian = torch.randn(6, 2 * 3 * 4, generator=rng, dtype=DOUBLE)
    w = torch.randn(2, 6, generator=rng, dtype=DOUBLE, requires_grad=True)
    noise = torch.randn(2, 1, 2, 3, 4, generator=rng, dtype=DOUBLE)
    images = (w @ jacobian).reshape(2, 1, 2, 3, 4)
    expected = (noise.flatten(1) @ jacobian.T).norm(dim=1) / math.sqrt(2 * 3 * 4)
    torch.testing.assert_close(path_lengths(images, w, noise), expected)


@pytest.mark.parametrize("side", [4, 8, 16])
def test_path_length_does_not_depend_on_the_resolution(side):
    """Noise over sqrt(D H W), not sqrt(H W), which would make it grow with the depth."""
    rng = torch.Generator().manual_seed(0)
    w = torch.ones(512, 1, requires_grad=True)
    images = w[:, :, None, None, None].expand(-1, 1, side, side, side)
    lengths = path_lengths(images, w, torch.randn(images.shape, generator=rng))
    assert float(lengths.detach().square().mean()) == pytest.approx(1, rel=0.2)


def slopes(penalty, weights: torch.Tensor) -> list[tuple[float, float]]:
    """Derivative of a penalty by single weights: of the graph, and by finite differences."""
    (gradient,) = torch.autograd.grad(penalty(), weights)
    compared = []
    with torch.no_grad():
        for index in (0, weights.numel() // 2, weights.numel() - 1):
            ends = []
            for step in (1e-7, -1e-7):  # less, and no ReLU turns on the way
                weights.flatten()[index] += step
                with torch.enable_grad():
                    ends.append(penalty().item())
                weights.flatten()[index] -= step
            compared.append((gradient.flatten()[index].item(), (ends[0] - ends[1]) / 2e-7))
    return compared


@pytest.mark.parametrize("name", ["blocks.1.conv0.weight", "blocks.0.conv1.style.weight"])
def test_the_gradient_of_path_lengths_equals_finite_differences(name, monkeypatch):
    """Through modulation, noise, upsampling, skips and tones, in float64."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # the image is float32
    torch.manual_seed(0)
    synthesis = Synthesis(4, [4, 3, 3]).double()
    for parameter in synthesis.parameters():
        torch.nn.init.normal_(parameter)
    rng = torch.Generator().manual_seed(0)
    noise = [torch.randn(2, 1, s, s, s, generator=rng, dtype=DOUBLE) for s in (4, 8, 8, 16, 16)]
    at, y = torch.randn(2, 4, generator=rng, dtype=DOUBLE), torch.randn(2, 1, 16, 16, 16).double()

    def penalty():
        w = at.clone().requires_grad_()
        return path_lengths(synthesis(w, noise, DOUBLE), w, y).square().sum()

    for found, expected in slopes(penalty, dict(synthesis.named_parameters())[name]):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert found != 0


@pytest.mark.parametrize("name", ["blocks.0.conv1.weight", "blocks.1.skip.weight"])
def test_the_gradient_of_r1_through_a_discriminator_equals_finite_differences(name, monkeypatch):
    """Through residuals, downsampling, minibatch deviation and the projection."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # logits are float32
    torch.manual_seed(0)
    discriminator = Discriminator([4, 4, 3], conditions=2).double()
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 2, 16, 16, 16, generator=rng, dtype=DOUBLE)
    conditions = torch.randn(2, 2, generator=rng, dtype=DOUBLE)

    def penalty():
        seen = x.clone().requires_grad_()
        return r1_penalty(discriminator(seen, conditions, DOUBLE), seen)

    for found, expected in slopes(penalty, dict(discriminator.named_parameters())[name]):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-8)
        assert found != 0


def test_path_lengths_of_a_constant_generator_have_a_finite_gradient():
    weight = torch.zeros(3, requires_grad=True)
    w = torch.randn(2, 3, requires_grad=True)
    images = (w @ weight)[:, None, None, None, None].expand(-1, 1, 2, 2, 2)
    path_lengths(images, w, torch.ones(images.shape)).sum().backward()
    assert weight.grad.isfinite().all()
