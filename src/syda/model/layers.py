"""Layers that both networks share: equalised learning rate, and low-pass resampling by two.

Tensors are ``[N, C, D, H, W]``. Weights are drawn from N(0, 1) and scaled by He's constant when
they are used, so that Adam's steps have equal relative size in every layer (Karras et al.,
Progressive Growing of GANs, 2018, section 4.1). The data type is that of the input.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

LEAKY_SLOPE = 0.2
"""Negative slope of every leaky ReLU."""

RELU_GAIN = math.sqrt(2)
"""He's gain of a layer that is followed by a ReLU."""


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU, in place; the weights before it include its gain (``RELU_GAIN``)."""
    return functional.leaky_relu(x, LEAKY_SLOPE, inplace=True)


class EqualizedLinear(nn.Module):
    """``x W^T gain/sqrt(fan_in) + b``, weight ``[outputs, inputs]``.

    Args:
        inputs: features in.
        outputs: features out.
        gain: of He's constant.
        bias: initial value of every bias.
        lr_multiplier: learning rate of weight and bias relative to the optimiser's.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        gain: float = 1.0,
        bias: float = 0.0,
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((outputs,), bias / lr_multiplier))
        self.weight_scale = gain * lr_multiplier / math.sqrt(inputs)
        self.bias_scale = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs]`` to ``[N, outputs]``."""
        weight = (self.weight * self.weight_scale).to(x.dtype)
        return functional.linear(x, weight, (self.bias * self.bias_scale).to(x.dtype))


class EqualizedConv3d(nn.Module):
    """Cubic convolution that keeps the size, weight ``[outputs, inputs, kernel^3]``.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: voxels along each axis of the kernel, odd.
        gain: of He's constant.
        bias: whether to add a bias, initially zero.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, gain: float = 1.0, bias: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.weight_scale = gain / math.sqrt(inputs * kernel**3)
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, D, H, W]`` to ``[N, outputs, D, H, W]``."""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        weight = (self.weight * self.weight_scale).to(x.dtype)
        return functional.conv3d(x, weight, bias, padding=self.padding)


def maybe_checkpoint(block: Callable[..., Any], recompute: bool, *inputs: Any) -> Any:
    """Call a block; with ``recompute``, its feature maps are recomputed in the backward pass.

    Chen et al., Training Deep Nets with Sublinear Memory Cost (2016). Derivatives of any order are
    the same.
    """
    if not recompute or not torch.is_grad_enabled():
        return block(*inputs)
    return checkpoint(block, *inputs, use_reentrant=False, preserve_rng_state=False)


def apply_in_microbatches(
    network: Callable[..., Tensor], microbatch_size: int, *batch: Tensor
) -> Tensor:
    """Apply a network to a few samples at a time, recomputing feature maps in the backward pass.

    Only the feature maps of one microbatch are in memory at a time.

    Args:
        network: its arguments and result have the batch as first axis; samples are independent.
        microbatch_size: samples at a time; 0 for the whole batch.
        batch: arguments of the network.
    """
    if microbatch_size == 0 or microbatch_size >= len(batch[0]):
        return network(*batch)
    parts = zip(*(torch.split(argument, microbatch_size) for argument in batch), strict=True)
    return torch.cat([maybe_checkpoint(network, True, *part) for part in parts])


def upsample(x: Tensor) -> Tensor:
    """Double D, H and W with the separable low-pass filter [1, 3, 3, 1] / 4.

    A constant stays constant: after zero insertion the gain would be 2^3 (2^2 in the plane). Edge
    voxels are repeated. (Feature maps have zeros beyond the edge: :mod:`syda.model.upsample_conv`.)
    A small matrix product for each axis takes a fifth of the time of trilinear ``interpolate`` on a
    CPU, and gives the same values.
    """
    matrix = interpolation_matrix(x.shape[-1], x)
    for axis in (2, 1, 0):  # the fastest axis, D, last, when the volume is largest
        x = matmul_along_axis(x, matrix, axis)
    return x


def downsample(x: Tensor) -> Tensor:
    """Halve D, H and W with the separable low-pass filter [1, 3, 3, 1] / 8, the adjoint."""
    matrix = interpolation_matrix(x.shape[-1] // 2, x).T / 2
    for axis in range(3):
        x = matmul_along_axis(x, matrix, axis)
    return x


def interpolation_matrix(size: int, like: Tensor) -> Tensor:
    """``[2 size, size]``: linear interpolation at the quarter points."""
    identity = torch.eye(size, device=like.device)
    doubled = functional.interpolate(identity[None], scale_factor=2.0, mode="linear")[0]
    return doubled.T.to(like.dtype)


def matmul_along_axis(x: Tensor, matrix: Tensor, axis: int) -> Tensor:
    """Apply ``[out, in]`` along D (0), H (1) or W (2) of ``[N, C, D, H, W]``, channels last.

    In memory, D is one large matrix for each volume; H and W are many small ones.
    """
    shape = [x.shape[0], *x.shape[2:], x.shape[1]]
    before, after = math.prod(shape[: 1 + axis]), math.prod(shape[2 + axis :])
    if after == 1:  # one matrix, not many of a single column
        y = rows(x).reshape(before, -1) @ matrix.T
    else:
        y = matrix @ rows(x).reshape(before, -1, after)
    shape[1 + axis] = len(matrix)
    return y.reshape(shape).movedim(-1, 1)


def rows(x: Tensor) -> Tensor:
    """``[N, C, D, H, W]`` as ``[N D H W, C]``: a view if channels are last in memory."""
    return x.movedim(1, -1).reshape(-1, x.shape[1])
