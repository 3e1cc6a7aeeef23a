"""The discriminator: a residual convolutional network that halves the side block by block.

It reads CT as a radiologist does, in two windows: the whole range, in which air and bone stand
out, and a soft-tissue window, in which fat, muscle and organs differ. What it sees are deviations
from the mean of the training volumes, since what all bodies share would drown the few per cent in
which they differ. Both branches of a block are low-pass filtered before they are halved (Karras et
al., StyleGAN2, 2020, section 4.1); the minibatch standard deviation comes before the last
convolution (Karras et al., Progressive Growing of GANs, 2018, section 3).
Feature maps lie channels-last: plain 3D convolutions are several times faster so on a CPU.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from syda.model.layers import RELU_GAIN, EqualizedConv3d, EqualizedLinear, activate, downsample
from syda.model.synthesis import START

GROUP = 4
"""Samples over which the minibatch standard deviation is taken."""


def minibatch_deviation(x: Tensor) -> Tensor:
    """Append a channel with the mean standard deviation over groups of consecutive samples.

    Args:
        x: ``[N, C, D, H, W]``; the group is the largest divisor of N up to ``GROUP``.

    Returns:
        ``[N, C + 1, D, H, W]``.
    """
    n = len(x)
    group = max(size for size in range(1, GROUP + 1) if n % size == 0)
    grouped = x.reshape(n // group, group, *x.shape[1:])
    variance = grouped.var(dim=1, correction=0)
    deviation = torch.sqrt(variance + 1e-8).mean(dim=(1, 2, 3, 4))
    channel = deviation.repeat_interleave(group)[:, None, None, None, None]
    return torch.cat([x, channel.expand(n, 1, *x.shape[2:])], dim=1)


class DownBlock(nn.Module):
    """Convolve, halve the side, convolve; the input joins in through a 1x1x1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv0 = EqualizedConv3d(inputs, inputs, 3, gain=RELU_GAIN)
        self.conv1 = EqualizedConv3d(inputs, outputs, 3, gain=RELU_GAIN / math.sqrt(2))
        self.skip = EqualizedConv3d(inputs, outputs, 1, gain=1 / math.sqrt(2), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, s, s, s]`` to ``[N, outputs, s / 2, s / 2, s / 2]``."""
        y = downsample(activate(self.conv0(x)))
        skip: Tensor = self.skip(downsample(x))
        return skip + activate(self.conv1(y))


class Discriminator(nn.Module):
    """From a volume to one logit: real (high) or synthetic (low).

    Args:
        channels: feature maps at 4, 8, 16, ... voxels a side, the generator's order.
        window: centre and width of the soft-tissue window, model range.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: Sequence[int], window: tuple[float, float]) -> None:
        super().__init__()
        bottom, side = channels[0], START * 2 ** (len(channels) - 1)
        self.centre, self.width = window
        self.register_buffer("mean", torch.zeros(1, 1, side, side, side))
        self.register_buffer("deviation", torch.ones(2, 1, 1, 1))
        self.from_image = nn.ModuleList(EqualizedConv3d(2, c, 1, gain=RELU_GAIN) for c in channels)
        self.blocks = nn.ModuleList(DownBlock(fine, coarse) for coarse, fine in pairwise(channels))
        self.conv = EqualizedConv3d(bottom + 1, bottom, 3, gain=RELU_GAIN)
        self.hidden = EqualizedLinear(bottom * START**3, bottom, gain=RELU_GAIN)
        self.logit = EqualizedLinear(bottom, 1)

    def calibrate(self, images: Tensor) -> None:
        """Take mean and deviation from the training volumes, ``[cases, 1, S, S, S]``."""
        self.mean.copy_(images.mean(dim=0, keepdim=True))
        deviations = self.windows(images) - self.windows(self.mean)
        self.deviation.copy_(deviations.square().mean(dim=(0, 2, 3, 4), keepdim=True)[0].sqrt())

    def windows(self, image: Tensor) -> Tensor:
        """``[N, 1, S, S, S]`` to ``[N, 2, S, S, S]``: whole range, soft tissue."""
        soft = torch.tanh((image - self.centre) * (2 / self.width))
        return torch.cat([image, soft], dim=1)

    def forward(self, image: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Judge volumes, of the full side or a coarser one, which enters at a later block.

        Args:
            image: ``[N, 1, S, S, S]`` float32, S = 4, 8, 16, ...
            dtype: of the feature maps.

        Returns:
            ``[N]`` logits, float32.
        """
        level = (image.shape[-1] // START).bit_length() - 1
        mean = self.mean
        while mean.shape[-1] > image.shape[-1]:
            mean = downsample(mean)
        x = (self.windows(image) - self.windows(mean)) / self.deviation
        x = x.to(dtype, memory_format=torch.channels_last_3d)
        x = activate(self.from_image[level](x))
        for block in reversed(self.blocks[:level]):
            x = block(x)
        x = minibatch_deviation(x.float())
        x = activate(self.conv(x)).contiguous().flatten(1)
        logit: Tensor = self.logit(activate(self.hidden(x)))
        return logit[:, 0]
