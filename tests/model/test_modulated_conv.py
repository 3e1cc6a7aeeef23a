import math

import pytest
import torch
from torch.nn import functional

from syda.model.layers import RELU_GAIN
from syda.model.modulated_conv import EPSILON, ModulatedConv3d, ToImage, modulated_conv3d


@pytest.fixture(params=[1, 2], ids=["one sample", "two samples"])
def operands(request) -> tuple[torch.Tensor, ...]:
    rng = torch.Generator().manual_seed(0)
    double = {"generator": rng, "dtype": torch.float64}
    x = torch.randn(request.param, 3, 4, 4, 4, **double)
    weight = torch.randn(5, 3, 3, 3, 3, **double)
    style = 1 + 0.5 * torch.randn(request.param, 3, **double)
    bias = torch.randn(5, **double)
    return x, weight, style, bias


def reference(x, weight, style, bias):
    """Equations 1 to 3 of StyleGAN2, written as loops."""
    y = torch.zeros(len(x), len(weight), *x.shape[2:], dtype=torch.float64)
    for n in range(len(x)):
        for o in range(len(weight)):
            filters = weight[o] * style[n][:, None, None, None]
            filters = filters * math.sqrt(2) / math.sqrt(float((filters**2).sum()) + 1e-8)
            for d, h, w in torch.cartesian_prod(*[torch.arange(4)] * 3).tolist():
                total = float(bias[o])
                for i, j, k in torch.cartesian_prod(*[torch.arange(3)] * 3).tolist():
                    at = (d + i - 1, h + j - 1, w + k - 1)
                    if all(0 <= a < 4 for a in at):
                        total += float(x[n, :, at[0], at[1], at[2]] @ filters[:, i, j, k])
                y[n, o, d, h, w] = total
    return y


def grouped(x, weight, style, bias):
    """The other form: one set of filters a sample, as groups of one convolution."""
    n, inputs = style.shape
    filters = weight * style[:, None, :, None, None, None]
    norm = torch.rsqrt(filters.square().sum((2, 3, 4, 5), keepdim=True) + EPSILON)
    filters = (filters * (norm * RELU_GAIN)).flatten(0, 1)
    x = x.reshape(1, n * inputs, *x.shape[2:])
    y = functional.conv3d(x, filters, bias.repeat(n), padding=1, groups=n)
    return y.reshape(n, -1, *y.shape[2:])


@pytest.mark.parametrize("form", [grouped, modulated_conv3d])
def test_equals_the_equations(operands, form):
    torch.testing.assert_close(form(*operands), reference(*operands), rtol=1e-6, atol=1e-6)


def test_forms_agree_up_to_the_second_derivative(operands):
    results = []
    for form in (grouped, modulated_conv3d):
        inputs = [operand.clone().requires_grad_() for operand in operands]
        y = form(*inputs)
        first = torch.autograd.grad(y.square().sum(), inputs, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first[:3]), inputs[:3])
        results.append((*first, *second))
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right)


def test_demodulation_gives_he_variance_whatever_the_style():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 32, 8, 8, 8, generator=rng)
    weight = torch.randn(32, 32, 3, 3, 3, generator=rng)
    style = torch.tensor([[0.1], [10.0]]).expand(2, 32)
    y = modulated_conv3d(x, weight, style, torch.zeros(32))[..., 1:-1, 1:-1, 1:-1]
    for sample in y:
        assert sample.var() == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(
    ("dtype", "n"), [(torch.float32, 2), (torch.bfloat16, 2), (torch.bfloat16, 1)]
)
def test_features_stay_channels_last(dtype, n):
    layer = ModulatedConv3d(6, 3, 4)
    x = torch.randn(n, 3, 4, 4, 4, dtype=dtype).to(memory_format=torch.channels_last_3d)
    y = layer(x, torch.randn(n, 6), torch.randn(n, 1, 4, 4, 4))
    assert y.dtype == dtype
    assert y.is_contiguous(memory_format=torch.channels_last_3d)


def test_noise_enters_by_its_strength_alone():
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
