from functools import partial

import pytest
import torch
from torch.nn import functional

from syda.model.layers import upsample
from syda.model.upsample_conv import upsample_conv3d


def normal(*shape: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def reference(x: torch.Tensor, weight: torch.Tensor, groups: int = 1) -> torch.Tensor:
    """A zero beyond each side, torch's separate interpolation, and a convolution."""
    zeros = functional.pad(x, (1,) * 6)
    doubled = functional.interpolate(zeros, scale_factor=2.0, mode="trilinear")
    return functional.conv3d(doubled[..., 1:-1, 1:-1, 1:-1], weight, groups=groups)


@pytest.mark.parametrize("side", [2, 4, 7])
def test_equals_upsampling_and_then_convolution(side):
    x, weight = normal(2, 3, side, side, side), normal(5, 3, 3, 3, 3)
    y = upsample_conv3d(x, weight)
    assert y.shape == (2, 5, *3 * (2 * side,))
    torch.testing.assert_close(y, reference(x, weight))


def test_groups_are_independent():
    x, weight = normal(1, 6, 4, 4, 4), normal(4, 3, 3, 3, 3)
    torch.testing.assert_close(upsample_conv3d(x, weight, 2), reference(x, weight, 2))


def test_inside_it_is_a_convolution_of_the_upsampled_volume():
    x, weight = normal(2, 3, 8, 8, 8), normal(5, 3, 3, 3, 3)
    difference = upsample_conv3d(x, weight) - functional.conv3d(upsample(x), weight, padding=1)
    assert difference[..., 2:-2, 2:-2, 2:-2].abs().max() < 1e-12
    assert difference[..., 0].abs().max() > 0.1


@pytest.mark.parametrize("groups", [1, 2])
def test_has_derivatives_of_the_second_order(groups):
    operands = [normal(1, 2, 2, 2, 2), normal(2, 2 // groups, 3, 3, 3)]
    for operand in operands:
        operand.requires_grad_()
    separate = partial(upsample_conv3d, groups=groups)
    assert torch.autograd.gradcheck(separate, operands)
    assert torch.autograd.gradgradcheck(separate, operands)


def error_of(dtype: torch.dtype, device: str, n: int) -> float:
    """Relative to the reference in float64, for operands that are numbers of the type."""
    x = normal(n, 16, 8, 8, 8).to(device, dtype, memory_format=torch.channels_last_3d)
    weight = normal(8, 16, 3, 3, 3).to(device, dtype)
    y = upsample_conv3d(x, weight)
    assert y.dtype == dtype
    assert y.is_contiguous(memory_format=torch.channels_last_3d)
    expected = reference(x.double().cpu(), weight.double().cpu())
    return ((y.cpu() - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 0.006)], ids=str
)
def test_keeps_type_and_layout(dtype, tolerance, n):
    assert error_of(dtype, "cpu", n) < tolerance


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: make test-gpu uses it")
@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-3), (torch.bfloat16, 0.01)], ids=str
)
def test_on_a_gpu_it_is_the_same(dtype, tolerance, n):
    """float32 may be TensorFloat-32 there."""
    assert error_of(dtype, "cuda", n) < tolerance
