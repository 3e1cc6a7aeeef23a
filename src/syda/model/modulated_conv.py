"""Modulated convolution (Karras et al., StyleGAN2, 2020, section 2.2), in three dimensions.

The style s scales the input channels, demodulation restores the variance of each output channel:
``w'_oik = s_i w_oik`` (equation 1) and ``w''_oik = w'_oik / sqrt(sum_ik w'_oik^2 + eps)``
(equation 3). With filters for each sample this is a grouped convolution. Scaling the input before,
and the output after one shared convolution is equal, and took on a CPU half the time where the
number of channels is no multiple of 16, and 0.8 to 1.15 of it elsewhere (channels last, batch 4,
32^3 voxels). A single sample has one set of filters, which are scaled directly; an exported graph
has a free batch and no such branch.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from syda.model.layers import RELU_GAIN, EqualizedLinear, activate, rows
from syda.model.upsample_conv import upsample_conv3d

EPSILON = 1e-8
"""Added to the squared norm of a demodulated filter (equation 3)."""


def modulated_conv3d(x: Tensor, weight: Tensor, style: Tensor, upsample: bool = False) -> Tensor:
    """Modulated, demodulated convolution.

    Args:
        x: ``[N, I, s, s, s]``.
        weight: ``[O, I, 3, 3, 3]``.
        style: ``[N, I]``, float32.
        upsample: whether to double D, H and W of x first.

    Returns:
        ``[N, O, s, s, s]``, or ``[N, O, 2 s, 2 s, 2 s]``, in the type of x. Its variance is 2
        (``RELU_GAIN`` squared) if the (upsampled) input has variance 1.

    >>> x, weight, style = torch.randn(2, 3, 4, 4, 4), torch.randn(5, 3, 3, 3, 3), torch.ones(2, 3)
    >>> modulated_conv3d(x, weight, style).shape
    torch.Size([2, 5, 4, 4, 4])
    >>> modulated_conv3d(x, weight, style, upsample=True).shape
    torch.Size([2, 5, 8, 8, 8])
    """
    norm = torch.rsqrt(style.square() @ weight.square().sum((2, 3, 4)).T + EPSILON) * RELU_GAIN
    convolve = upsample_conv3d if upsample else same_conv3d
    if x.shape[0] == 1 and not torch.compiler.is_exporting():
        filters = weight * style[0, :, None, None, None] * norm[0, :, None, None, None, None]
        return convolve(x, filters.to(x.dtype))
    y = convolve(x * style[:, :, None, None, None].to(x.dtype), weight.to(x.dtype))
    return y * norm[:, :, None, None, None].to(x.dtype)


def same_conv3d(x: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
    """3x3x3 convolution with zero padding; the size stays."""
    return functional.conv3d(x, weight, padding=1, groups=groups)


class ModulatedConv3d(nn.Module):
    """Style layer: modulated 3x3x3 convolution, noise B, bias, leaky ReLU.

    Args:
        latent_dim: length of w.
        inputs: channels in.
        outputs: channels out.
        upsamples: whether the layer doubles D, H and W.
    """

    def __init__(
        self, latent_dim: int, inputs: int, outputs: int, *, upsamples: bool = False
    ) -> None:
        super().__init__()
        self.upsamples = upsamples
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3, 3))
        self.style = EqualizedLinear(latent_dim, inputs, bias=1.0)
        self.noise_strength = nn.Parameter(torch.zeros(outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """Apply the layer.

        Args:
            x: ``[N, inputs, s, s, s]``.
            w: ``[N, latent_dim]``, float32.
            noise: ``[N, 1, D, H, W]``, standard normal, at the output's resolution.

        Returns:
            ``[N, outputs, D, H, W]`` in the type of x.
        """
        y = modulated_conv3d(x, self.weight, self.style(w), self.upsamples)
        # Noise and bias as one matrix product: with channels last, a broadcast takes several times
        # as long on a CPU. In place only without gradients: the gradient of a view is slower.
        add = torch.addmm if torch.is_grad_enabled() else Tensor.addmm_
        terms = functional.pad(noise.to(x.dtype).reshape(-1, 1), (0, 1), value=1.0)
        strengths = torch.stack((self.noise_strength, self.bias)).to(x.dtype)
        noisy = activate(add(rows(y), terms, strengths))
        return noisy.reshape(y.shape[0], *y.shape[2:], -1).movedim(-1, 1)


class ToImage(nn.Module):
    """Modulated 1x1x1 convolution to one channel, without demodulation (section 4.1).

    Args:
        latent_dim: length of w.
        inputs: channels in.
        spread: standard deviation of the initial image. With 0, a resolution that joins later does
            not change the image of the coarser ones.
    """

    def __init__(self, latent_dim: int, inputs: int, spread: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs) * spread)
        self.style = EqualizedLinear(latent_dim, inputs, bias=1.0)
        self.bias = nn.Parameter(torch.zeros(()))
        self.weight_scale = 1 / math.sqrt(inputs)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``[N, inputs, D, H, W]`` to ``[N, 1, D, H, W]``, float32."""
        filters = self.style(w) * (self.weight * self.weight_scale)
        n, _, *shape = x.shape
        image = rows(x).reshape(n, -1, len(self.weight)) @ filters.to(x.dtype)[:, :, None]
        return torch.add(image.reshape(n, 1, *shape).float(), self.bias)
