import math

import pytest
import torch
from torch.nn import functional

from syda.model.layers import RELU_GAIN
from syda.model.modulated_conv import (
    EPSILON,
    ModulatedConv3d,
    ToImage,
    modulated_conv3d,
    same_conv3d,
)
from syda.model.upsample_conv import upsample_conv3d

Operands = tuple[torch.Tensor, torch.Tensor, torch.Tensor, bool]


@pytest.fixture(params=[1, 2], ids=["one sample", "two samples"])
def samples(request) -> int:
    return request.param


@pytest.fixture(params=[False, True], ids=["same side", "doubled"])
def operands(request, samples) -> Operands:
    rng = torch.Generator().manual_seed(0)
    double = {"generator": rng, "dtype": torch.float64}
    side = 2 if request.param else 4
    x = torch.randn(samples, 3, side, side, side, **double)
    weight = torch.randn(5, 3, 3, 3, 3, **double)
    style = 1 + 0.5 * torch.randn(samples, 3, **double)
    return x, weight, style, request.param


def reference(x, weight, style, double):
    """Equations 1 to 3 of StyleGAN2 as loops; upsampling with torch's operations."""
    if double:
        zeros = functional.pad(x, (1,) * 6)
        x = functional.interpolate(zeros, scale_factor=2.0, mode="trilinear")
    side = x.shape[-1]
    y = torch.zeros(len(x), len(weight), side, side, side, dtype=torch.float64)
    for n in range(len(x)):
        for o in range(len(weight)):
            filters = weight[o] * style[n][:, None, None, None]
            filters = filters * math.sqrt(2) / math.sqrt(float((filters**2).sum()) + 1e-8)
            for d, h, w in torch.cartesian_prod(*[torch.arange(side)] * 3).tolist():
                total = 0.0
                for i, j, k in torch.cartesian_prod(*[torch.arange(3)] * 3).tolist():
                    at = (d + i - 1, h + j - 1, w + k - 1)
                    if all(0 <= a < side for a in at):
                        total += float(x[n, :, at[0], at[1], at[2]] @ filters[:, i, j, k])
                y[n, o, d, h, w] = total
    return y[..., 2:-2, 2:-2, 2:-2] if double else y


def grouped(x, weight, style, double):
    """The other form: one set of filters a sample, as groups of one convolution."""
    n, inputs = style.shape
    filters = weight * style[:, None, :, None, None, None]
    norm = torch.rsqrt(filters.square().sum((2, 3, 4, 5), keepdim=True) + EPSILON)
    filters = (filters * (norm * RELU_GAIN)).flatten(0, 1)
    x = x.reshape(1, n * inputs, *x.shape[2:])
    y = (upsample_conv3d if double else same_conv3d)(x, filters, groups=n)
    return y.reshape(n, -1, *y.shape[2:])


@pytest.mark.parametrize("form", [grouped, modulated_conv3d])
def test_equals_the_equations(operands, form):
    torch.testing.assert_close(form(*operands), reference(*operands), rtol=1e-6, atol=1e-6)


def test_forms_agree_up_to_the_second_derivative(operands):
    *tensors, double = operands
    results = []
    for form in (grouped, modulated_conv3d):
        inputs = [tensor.clone().requires_grad_() for tensor in tensors]
        y = form(*inputs, double)
        first = torch.autograd.grad(y.square().sum(), inputs, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), inputs)
        results.append((*first, *second))
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right)


def test_demodulation_gives_he_variance_whatever_the_style():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 32, 8, 8, 8, generator=rng)
    weight = torch.randn(32, 32, 3, 3, 3, generator=rng)
    style = torch.tensor([[0.1], [10.0]]).expand(2, 32)
    y = modulated_conv3d(x, weight, style)[..., 1:-1, 1:-1, 1:-1]
    for sample in y:
        assert sample.var() == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize(
    ("dtype", "n"), [(torch.float32, 2), (torch.bfloat16, 2), (torch.bfloat16, 1)]
)
def test_features_are_channels_last(dtype, n, double):
    layer = ModulatedConv3d(6, 3, 4, upsamples=double)
    x = torch.randn(n, 3, 4, 4, 4, dtype=dtype).to(memory_format=torch.channels_last_3d)
    side = 8 if double else 4
    y = layer(x, torch.randn(n, 6), torch.randn(n, 1, side, side, side))
    assert y.shape == (n, 4, side, side, side)
    assert y.dtype == dtype
    assert y.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d], ids=str)
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("n", [1, 2])
def test_a_layer_is_convolution_noise_bias_and_leaky_relu(n, double, layout):
    torch.manual_seed(0)
    layer = ModulatedConv3d(6, 3, 4, upsamples=double)
    with torch.no_grad():
        layer.noise_strength.copy_(torch.randn(4))
        layer.bias.copy_(torch.randn(4))
    side = 8 if double else 4
    x = torch.randn(n, 3, 4, 4, 4).to(memory_format=layout)
    w, noise = torch.randn(n, 6), torch.randn(n, 1, side, side, side)
    y = modulated_conv3d(x, layer.weight, layer.style(w), double)
    y = y + noise * layer.noise_strength[:, None, None, None] + layer.bias[:, None, None, None]
    expected = torch.where(y > 0, y, 0.2 * y)
    torch.testing.assert_close(layer(x, w, noise), expected)
    with torch.no_grad():
        torch.testing.assert_close(layer(x, w, noise), expected)


def test_noise_is_scaled_by_its_strength():
    torch.manual_seed(0)
    layer = ModulatedConv3d(6, 3, 4)
    x, w = torch.randn(2, 3, 4, 4, 4), torch.randn(2, 6)
    noise = torch.randn(2, 1, 4, 4, 4)
    torch.testing.assert_close(layer(x, w, noise), layer(x, w, 0 * noise))
    with torch.no_grad():
        layer.noise_strength[1] = 1.0
    changed = (layer(x, w, noise) - layer(x, w, 0 * noise)).abs().amax(dim=(0, 2, 3, 4))
    assert (changed > 0).tolist() == [False, True, False, False]


def test_to_image_is_a_weighted_sum_of_channels():
    layer = ToImage(6, 3, spread=1.0)
    torch.nn.init.normal_(layer.weight)
    x, w = torch.randn(2, 3, 4, 4, 4), torch.randn(2, 6)
    filters = layer.style(w) * layer.weight / math.sqrt(3)
    expected = sum(filters[:, c, None, None, None] * x[:, c] for c in range(3))
    torch.testing.assert_close(layer(x, w)[:, 0], expected)
