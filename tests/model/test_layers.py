import pytest
import torch
from torch.nn import functional

from syda.model.layers import EqualizedConv3d, EqualizedLinear, downsample, upsample

CHANNELS_LAST = torch.channels_last_3d


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("layout", [torch.contiguous_format, CHANNELS_LAST])
def test_a_constant_stays_that_constant(layout):
    x = torch.full((2, 3, 4, 4, 4), 0.7).to(memory_format=layout)
    torch.testing.assert_close(upsample(x), torch.full((2, 3, 8, 8, 8), 0.7))
    torch.testing.assert_close(downsample(x), torch.full((2, 3, 2, 2, 2), 0.7))


@pytest.mark.parametrize("layout", [torch.contiguous_format, CHANNELS_LAST])
def test_upsampling_is_inserted_zeros_and_the_filter_with_gain_eight(rng, layout):
    """Inside, where no edge is repeated; the public 3D ports' bug is a gain of 2^2."""
    x = torch.randn(1, 1, 6, 6, 6, generator=rng)
    zeros = torch.zeros(1, 1, 12, 12, 12)
    zeros[..., ::2, ::2, ::2] = x
    tap = torch.tensor([1.0, 3, 3, 1]) / 8
    kernel = 2**3 * tap[:, None, None] * tap[:, None] * tap
    expected = functional.conv3d(functional.pad(zeros, (2, 1) * 3), kernel[None, None])
    got = upsample(x.repeat(1, 2, 1, 1, 1).to(memory_format=layout))[:, :1]
    inside = (..., slice(1, -1), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(got[inside], expected[inside])


def test_upsampling_equals_trilinear_interpolation(rng):
    x = torch.randn(2, 3, 4, 4, 4, generator=rng)
    expected = functional.interpolate(x, scale_factor=2.0, mode="trilinear")
    torch.testing.assert_close(upsample(x), expected)


def test_axes_are_not_exchanged():
    x = torch.zeros(1, 1, 4, 4, 4)
    x[0, 0, 0, 1, 3] = 1
    centre = torch.unravel_index(upsample(x).argmax(), (8, 8, 8))
    assert [int(c) // 2 for c in centre] == [0, 1, 3]


@pytest.mark.parametrize("layout", [torch.contiguous_format, CHANNELS_LAST])
def test_downsampling_is_the_adjoint_over_eight(rng, layout):
    x = torch.randn(2, 3, 8, 8, 8, generator=rng, dtype=torch.float64)
    y = torch.randn(2, 3, 4, 4, 4, generator=rng, dtype=torch.float64)
    down = downsample(x.to(memory_format=layout))
    torch.testing.assert_close((down * y).sum(), (x * upsample(y)).sum() / 8)


def test_layouts_agree(rng):
    x = torch.randn(2, 3, 8, 8, 8, generator=rng)
    last = x.to(memory_format=CHANNELS_LAST)
    torch.testing.assert_close(upsample(last), upsample(x))
    torch.testing.assert_close(downsample(last), downsample(x))
    assert downsample(last).is_contiguous(memory_format=CHANNELS_LAST)


def test_equalized_layers_keep_unit_variance(rng):
    torch.manual_seed(0)
    y = EqualizedLinear(96, 96)(torch.randn(512, 96, generator=rng))
    assert float(y.detach().std()) == pytest.approx(1, abs=0.1)
    y = EqualizedConv3d(32, 32, 1)(torch.randn(4, 32, 8, 8, 8, generator=rng))
    assert float(y.detach().std()) == pytest.approx(1, abs=0.1)


def test_lr_multiplier_changes_the_step_and_not_the_output():
    layers = {}
    for multiplier in (1.0, 0.01):
        torch.manual_seed(0)
        layers[multiplier] = EqualizedLinear(4, 3, bias=1.0, lr_multiplier=multiplier)
    x = torch.ones(1, 4)
    torch.testing.assert_close(layers[1.0](x), layers[0.01](x))
    moved = {}
    for multiplier, layer in layers.items():
        before = layer(x)
        with torch.no_grad():
            layer.weight += 0.1  # what Adam does, whatever the gradient's size
        moved[multiplier] = float((layer(x) - before).detach().norm())
    assert moved[0.01] == pytest.approx(moved[1.0] * 0.01, rel=1e-3)
