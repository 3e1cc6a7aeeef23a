"""The discriminator: a residual convolutional network that halves the side block by block.

It reads CT as a radiologist does, in two windows: the whole range, in which air and bone stand
out, and the tones (:mod:`syda.model.tone`), in which fat, muscle and organs differ. Both branches
of a block are low-pass filtered before they are halved (Karras et al., StyleGAN2, 2020, section
4.1); the minibatch standard deviation comes before the last convolution (Karras et al., Progressive
Growing of GANs, 2018, section 3; here of every feature and not their mean, since with few volumes
variety is the first thing to be lost). Properties enter as a projection: the logit rises where what
is seen goes with what is told (Miyato and Koyama, cGANs with Projection Discriminator, 2018,
equation 4).
Feature maps lie channels-last: plain 3D convolutions are several times faster so on a CPU.
"""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_gather

from syda.model.layers import (
    RELU_GAIN,
    EqualizedConv3d,
    EqualizedLinear,
    activate,
    downsample,
    in_parts,
    run,
)
from syda.model.synthesis import START
from syda.model.tone import Tone

GROUP = 4
"""Samples over which the minibatch standard deviation is taken."""


def minibatch_deviation(x: Tensor) -> Tensor:
    """Append each feature's standard deviation over groups of consecutive samples.

    Where several processes share a batch, the groups are those of the whole batch.

    Args:
        x: ``[N, C, D, H, W]``; the group is the largest divisor of N from 2 to ``GROUP``, else the
            smallest above (a prime itself): a group of one would say nothing.

    Returns:
        ``[N, 2 C, D, H, W]``.
    """
    whole = _of_all_processes(x)
    n = len(whole)
    divisors = [size for size in range(2, n + 1) if n % size == 0] or [1]
    group = max((size for size in divisors if size <= GROUP), default=divisors[0])
    grouped = whole.reshape(n // group, group, *x.shape[1:])
    deviation = torch.sqrt(grouped.var(dim=1, correction=0) + 1e-8)
    deviation = deviation.repeat_interleave(group, dim=0)
    if whole is not x:
        deviation = deviation[len(x) * distributed.get_rank() :][: len(x)]
    return torch.cat([x, deviation], dim=1)


def _of_all_processes(x: Tensor) -> Tensor:
    """The batch of which each process has a part: a part of one or two says nothing of spread."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return x
    return torch.cat(all_gather(x))  # type: ignore[no-untyped-call]  # has derivatives


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
        conditions: length of the vector of properties; 0 for none.

    Attributes:
        tone: the curve of the second window; a straight line until fitted.
        recompute: whether a training saves memory by computing feature maps twice.
        at_once: volumes of a batch whose feature maps are computed at once; 0 for all.
    """

    def __init__(self, channels: Sequence[int], conditions: int = 0) -> None:
        super().__init__()
        bottom = channels[0]
        self.recompute = False
        self.at_once = 0
        self.tone = Tone()
        self.from_windows = nn.ModuleList(
            EqualizedConv3d(2, c, 1, gain=RELU_GAIN) for c in channels
        )
        self.blocks = nn.ModuleList(DownBlock(fine, coarse) for coarse, fine in pairwise(channels))
        self.conv = EqualizedConv3d(2 * bottom, bottom, 3, gain=RELU_GAIN)
        self.hidden = EqualizedLinear(bottom * START**3, bottom, gain=RELU_GAIN)
        self.logit = EqualizedLinear(bottom, 1)
        self.embed = EqualizedLinear(conditions, bottom) if conditions else None

    def windows(self, image: Tensor) -> Tensor:
        """``[N, 1, S, S, S]`` to what is judged, ``[N, 2, S, S, S]``: image and tones."""
        return torch.cat([image, self.tone(image)], dim=1)

    def forward(
        self,
        windows: Tensor,
        conditions: Tensor,
        dtype: torch.dtype = torch.float32,
        fade: float = 1.0,
    ) -> Tensor:
        """Judge volumes, of the full side or a coarser one, which enters at a later block.

        Args:
            windows: ``[N, 2, S, S, S]`` float32, S = 4, 8, 16, ...: what :meth:`windows` returns.
            conditions: ``[N, conditions]``, the properties (:mod:`syda.model.conditions`).
            dtype: of the feature maps.
            fade: weight of the finest block against a look at half the side; it grows from 0 to 1
                after a resolution has joined (Karras et al., 2018, section 2).

        Returns:
            ``[N]`` logits, float32.
        """
        x = in_parts(partial(self._features, dtype, fade), self.at_once, windows)
        x = minibatch_deviation(x)
        x = activate(self.conv(x)).contiguous().flatten(1)
        x = activate(self.hidden(x))
        logit: Tensor = self.logit(x)[:, 0]
        if self.embed is not None:
            logit = logit + (self.embed(conditions) * x).sum(dim=1) / math.sqrt(x.shape[1])
        return logit

    def _features(self, dtype: torch.dtype, fade: float, windows: Tensor) -> Tensor:
        """What is seen in each volume for itself: ``[N, channels, 4, 4, 4]``, float32."""
        level = (windows.shape[-1] // START).bit_length() - 1
        x = self._enter(windows, level, dtype)
        if level > 0:
            x = run(self.blocks[level - 1], self.recompute, x)
            if fade < 1:
                x = torch.lerp(self._enter(downsample(windows), level - 1, dtype), x, fade)
            for block in reversed(self.blocks[: level - 1]):
                x = run(block, self.recompute, x)
        return x.float()

    def _enter(self, windows: Tensor, level: int, dtype: torch.dtype) -> Tensor:
        x = windows.to(dtype, memory_format=torch.channels_last_3d)
        return activate(self.from_windows[level](x))
