"""Modulated convolution: a style scales the input channels, demodulation restores unit variance.

Karras et al., Analyzing and Improving the Image Quality of StyleGAN (2020), equations 1 to 3, in
three dimensions: ``w'_oik = s_i w_oik`` and ``w''_oik = w'_oik / sqrt(sum_ik w'_oik^2 + eps)``.
Written with filters of its own for each sample it is a grouped convolution; the form here shares
one convolution between two scalings. On a CPU it took half the time of the other where channels are
no multiple of 16, and from .8 to 1.15 of it elsewhere (channels-last, batch 4, 32 voxels a side).
A single sample has one set of filters: there the scalings go into them, and cost nothing.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from syda.model.doubled_conv import doubled_conv3d
from syda.model.layers import RELU_GAIN, EqualizedLinear, activate, rows

EPSILON = 1e-8
"""Added to the squared norm of a demodulated filter."""


def modulated_conv3d(x: Tensor, weight: Tensor, style: Tensor, double: bool = False) -> Tensor:
    """Modulated, demodulated convolution: one for all samples, between two scalings.

    Scaling the input channels by the style before, and the output channels by the norm after, is
    the same as giving each sample filters of its own; a single sample is given them.

    Args:
        x: ``[N, I, s, s, s]``.
        weight: ``[O, I, 3, 3, 3]``.
        style: ``[N, I]``, float32.
        double: whether x is first doubled.

    Returns:
        ``[N, O, s, s, s]``, or with sides 2 s, in the type of x; of variance 2 (``RELU_GAIN``
        squared) where x, doubled, has 1.
    """
    norm = torch.rsqrt(style.square() @ weight.square().sum((2, 3, 4)).T + EPSILON) * RELU_GAIN
    convolve = doubled_conv3d if double else same_conv3d
    if len(x) == 1:
        own = weight * style[0, :, None, None, None] * norm[0, :, None, None, None, None]
        return convolve(x, own.to(x.dtype))
    y = convolve(x * style[:, :, None, None, None].to(x.dtype), weight.to(x.dtype))
    return y * norm[:, :, None, None, None].to(x.dtype)


def same_conv3d(x: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
    """Convolve; the size stays, and beyond its sides x is zero."""
    return functional.conv3d(x, weight, padding=1, groups=groups)


class ModulatedConv3d(nn.Module):
    """Style layer: modulated 3x3x3 convolution, noise B, bias, leaky ReLU.

    Args:
        latent: length of w.
        inputs: channels in.
        outputs: channels out.
        doubles: whether the layer doubles the side.
    """

    def __init__(self, latent: int, inputs: int, outputs: int, *, doubles: bool = False) -> None:
        super().__init__()
        self.doubles = doubles
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3, 3))
        self.style = EqualizedLinear(latent, inputs, bias=1.0)
        self.noise_strength = nn.Parameter(torch.zeros(outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """One layer.

        Args:
            x: ``[N, inputs, s, s, s]``.
            w: ``[N, latent]``, float32.
            noise: ``[N, 1, D, H, W]``, standard normal, of the sides that come out.

        Returns:
            ``[N, outputs, D, H, W]`` in the type of x.
        """
        y = modulated_conv3d(x, self.weight, self.style(w), self.doubles)
        # Noise and bias as one product: with channels last, a broadcast takes several times as long
        # on a CPU. In the memory of y only where no gradient follows: that of a changed view takes
        # longer.
        add = torch.addmm if torch.is_grad_enabled() else Tensor.addmm_
        terms = functional.pad(noise.to(x.dtype).reshape(-1, 1), (0, 1), value=1.0)
        strengths = torch.stack((self.noise_strength, self.bias)).to(x.dtype)
        noisy = activate(add(rows(y), terms, strengths))
        return noisy.reshape(len(y), *y.shape[2:], -1).movedim(-1, 1)


class ToImage(nn.Module):
    """Modulated 1x1x1 convolution to one channel, without demodulation.

    Args:
        latent: length of w.
        inputs: channels in.
        spread: standard deviation of the image at the start. With 0 a resolution that joins the
            training later does not disturb what the coarser ones drew.
    """

    def __init__(self, latent: int, inputs: int, spread: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs) * spread)
        self.style = EqualizedLinear(latent, inputs, bias=1.0)
        self.bias = nn.Parameter(torch.zeros(()))
        self.weight_scale = 1 / math.sqrt(inputs)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``[N, inputs, D, H, W]`` to ``[N, 1, D, H, W]``, float32."""
        filters = self.style(w) * (self.weight * self.weight_scale)
        n, _, *sides = x.shape
        image = rows(x).reshape(n, -1, len(self.weight)) @ filters.to(x.dtype)[:, :, None]
        return torch.add(image.reshape(n, 1, *sides).float(), self.bias)
