"""Layers that both networks share: equalised learning rate, and low-pass resampling by two.

Every tensor is ``[N, C, D, H, W]``. Weights are drawn from N(0, 1) and scaled by He's constant when
they are used, so that Adam's steps are of equal relative size in every layer (Karras et al.,
Progressive Growing of GANs, 2018, section 4.1). The arithmetic runs in the type of the input.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

LEAK = 0.2
"""Negative slope of every leaky ReLU."""

RELU_GAIN = math.sqrt(2)
"""He's gain of a layer that a ReLU follows."""


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU, in the memory of x; its gain sits in the weights before it (``RELU_GAIN``)."""
    return functional.leaky_relu(x, LEAK, inplace=True)


class EqualizedLinear(nn.Module):
    """``x W^T gain/sqrt(fan_in) + b``, weight ``[outputs, inputs]``.

    Args:
        inputs: features in.
        outputs: features out.
        gain: of He's constant.
        bias: every bias at the start.
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
        kernel: odd side of the kernel, voxels.
        gain: of He's constant.
        bias: whether a bias, zero at the start, is added.
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


def run(block: nn.Module, recompute: bool, *inputs: Any) -> Any:
    """Call a block; with ``recompute`` its feature maps are not kept but computed again backwards.

    Chen et al., Training Deep Nets with Sublinear Memory Cost (2016). Derivatives of any order stay
    the same.
    """
    return _computed_again(block, *inputs) if recompute else block(*inputs)


def in_parts(network: Callable[..., Tensor], at_once: int, *batch: Tensor) -> Tensor:
    """Run a network whose samples do not see one another on a few of them at a time.

    What training keeps for the gradients is then of a few samples only: the maps of the others are
    computed again when their turn comes.

    Args:
        network: takes and gives tensors whose first axis is the batch.
        at_once: samples; 0 for all of them.
        batch: its arguments.
    """
    if at_once == 0 or at_once >= len(batch[0]):
        return network(*batch)
    parts = zip(*(torch.split(argument, at_once) for argument in batch), strict=True)
    return torch.cat([_computed_again(network, *part) for part in parts])


def _computed_again(network: Callable[..., Any], *inputs: Any) -> Any:
    if not torch.is_grad_enabled():
        return network(*inputs)
    return checkpoint(network, *inputs, use_reentrant=False, preserve_rng_state=False)


def upsample(x: Tensor) -> Tensor:
    """Double D, H and W with the separable low-pass filter [1, 3, 3, 1] / 4.

    A constant stays that constant: written with inserted zeros, the gain would be 2^3 (2^2 is the
    plane's). Edges repeat their last voxel (feature maps, with zeros beyond, are doubled by
    :mod:`syda.model.doubled_conv`). One small matrix product an axis does it, which on a CPU costs
    a fifth of trilinear ``interpolate``, its equal.
    """
    matrix = interpolation(x.shape[-1], x)
    for axis in (2, 1, 0):  # D, which is fastest, while the volume is at its largest
        x = along(x, matrix, axis)
    return x


def downsample(x: Tensor) -> Tensor:
    """Halve D, H and W with the separable low-pass filter [1, 3, 3, 1] / 8, the adjoint."""
    matrix = interpolation(x.shape[-1] // 2, x).T / 2
    for axis in range(3):
        x = along(x, matrix, axis)
    return x


def interpolation(side: int, like: Tensor) -> Tensor:
    """``[2 side, side]``: linear interpolation at the quarter points."""
    identity = torch.eye(side, device=like.device)
    doubled = functional.interpolate(identity[None], scale_factor=2.0, mode="linear")[0]
    return doubled.T.to(like.dtype)


def along(x: Tensor, matrix: Tensor, axis: int) -> Tensor:
    """Apply ``[out, in]`` along D (0), H (1) or W (2) of ``[N, C, D, H, W]`` with channels last.

    In memory, D is one large matrix of each volume, H and W are many small ones.
    """
    shape = [x.shape[0], *x.shape[2:], x.shape[1]]
    before, length, after = _around(shape, 1 + axis)
    if after == 1:  # one matrix, not many of a single column
        y = rows(x).reshape(before, length) @ matrix.T
    else:
        y = matrix @ rows(x).reshape(before, length, after)
    shape[1 + axis] = len(matrix)
    return y.reshape(shape).movedim(-1, 1)


def _around(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def rows(x: Tensor) -> Tensor:
    """``[N, C, D, H, W]`` as ``[N D H W, C]``: a view where channels are last in memory."""
    return x.movedim(1, -1).reshape(-1, x.shape[1])
