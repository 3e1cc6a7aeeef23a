"""The discriminator: residual convolutions (Karras et al., StyleGAN2, 2020, section 4.1).

It sees two channels: the image, in which air and bone differ, and its equalised values
(:mod:`syda.model.intensity_curve`), in which fat, muscle and organs differ. Feature maps are
channels last: plain 3D convolutions are several times faster that way on a CPU.
"""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_gather

from syda.model.intensity_curve import IntensityCurve
from syda.model.layers import (
    RELU_GAIN,
    EqualizedConv3d,
    EqualizedLinear,
    activate,
    apply_in_microbatches,
    downsample,
    maybe_checkpoint,
)
from syda.model.synthesis import BASE_RESOLUTION

GROUP_SIZE = 4
"""Samples over which the minibatch standard deviation is taken."""


def minibatch_deviation(x: Tensor) -> Tensor:
    """Append each feature's standard deviation over groups of consecutive samples.

    Karras et al., Progressive Growing of GANs (2018), section 3, which appends the mean over the
    features; here each feature has its own, since diversity is the first thing that few training
    volumes cost. The groups are of the whole batch, also where several processes share it.

    Args:
        x: ``[N, C, D, H, W]``. The group size is the largest divisor of N from 2 to
            ``GROUP_SIZE``, else the smallest divisor above it.

    Returns:
        ``[N, 2 C, D, H, W]``.

    >>> minibatch_deviation(torch.randn(8, 3, 4, 4, 4)).shape
    torch.Size([8, 6, 4, 4, 4])
    """
    whole = _all_gather(x)
    n = len(whole)
    divisors = [size for size in range(2, n + 1) if n % size == 0] or [1]
    group = max((size for size in divisors if size <= GROUP_SIZE), default=divisors[0])
    grouped = whole.reshape(n // group, group, *x.shape[1:])
    deviation = torch.sqrt(grouped.var(dim=1, correction=0) + 1e-8)
    deviation = deviation.repeat_interleave(group, dim=0)
    if whole is not x:
        deviation = deviation[len(x) * distributed.get_rank() :][: len(x)]
    return torch.cat([x, deviation], dim=1)


def _all_gather(x: Tensor) -> Tensor:
    """Return the whole batch from the parts of all processes, with gradients."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return x
    return torch.cat(all_gather(x))  # type: ignore[no-untyped-call]


class DownBlock(nn.Module):
    """Residual block that halves the resolution: two convolutions, and a 1x1x1 skip convolution.

    Both branches are low-pass filtered before they are halved.
    """

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
    """From a volume to one logit: high for real, low for synthetic volumes.

    Args:
        channels: feature maps at 4, 8, 16, ... voxels along each axis, in the generator's order.
        conditions: length of the condition vector; 0 for none.

    Attributes:
        intensity_curve: gives the second channel; the identity until fitted.
        recompute: whether training recomputes feature maps to save memory.
        microbatch_size: volumes computed at a time; 0 for the whole batch.

    >>> discriminator = Discriminator([6, 4], conditions=3)
    >>> windows = discriminator.windows(torch.zeros(2, 1, 8, 8, 8))
    >>> windows.shape
    torch.Size([2, 2, 8, 8, 8])
    >>> discriminator(windows, torch.zeros(2, 3)).shape
    torch.Size([2])
    """

    def __init__(self, channels: Sequence[int], conditions: int = 0) -> None:
        super().__init__()
        coarsest = channels[0]
        self.recompute = False
        self.microbatch_size = 0
        self.intensity_curve = IntensityCurve()
        self.from_windows = nn.ModuleList(
            EqualizedConv3d(2, c, 1, gain=RELU_GAIN) for c in channels
        )
        self.blocks = nn.ModuleList(DownBlock(fine, coarse) for coarse, fine in pairwise(channels))
        self.conv = EqualizedConv3d(2 * coarsest, coarsest, 3, gain=RELU_GAIN)
        self.hidden = EqualizedLinear(coarsest * BASE_RESOLUTION**3, coarsest, gain=RELU_GAIN)
        self.logit = EqualizedLinear(coarsest, 1)
        self.embed = EqualizedLinear(conditions, coarsest) if conditions else None

    def windows(self, image: Tensor) -> Tensor:
        """``[N, 1, S, S, S]`` to ``[N, 2, S, S, S]``: image and equalised values."""
        return torch.cat([image, self.intensity_curve(image)], dim=1)

    def forward(
        self,
        windows: Tensor,
        conditions: Tensor,
        dtype: torch.dtype = torch.float32,
        fade: float = 1.0,
    ) -> Tensor:
        """Return a logit for each volume.

        Args:
            windows: ``[N, 2, S, S, S]`` float32 from :meth:`windows`. A coarser volume,
                S = 4, 8, ..., enters at a later block.
            conditions: ``[N, conditions]`` (:class:`syda.model.conditions.ConditionSchema`).
            dtype: of the feature maps.
            fade: weight of the finest block against the volume at half the resolution; it grows
                from 0 to 1 after a resolution has joined (Karras et al., Progressive Growing of
                GANs, 2018, section 2).

        Returns:
            ``[N]`` logits, float32.
        """
        features = partial(self._features, dtype, fade)
        x = minibatch_deviation(apply_in_microbatches(features, self.microbatch_size, windows))
        x = activate(self.conv(x)).contiguous().flatten(1)
        x = activate(self.hidden(x))
        logit: Tensor = self.logit(x)[:, 0]
        # Miyato and Koyama, cGANs with Projection Discriminator (2018), equation 4.
        if self.embed is not None:
            logit = logit + (self.embed(conditions) * x).sum(dim=1) / math.sqrt(x.shape[1])
        return logit

    def _features(self, dtype: torch.dtype, fade: float, windows: Tensor) -> Tensor:
        """Return the features of each volume: ``[N, channels, 4, 4, 4]``, float32."""
        level = (windows.shape[-1] // BASE_RESOLUTION).bit_length() - 1
        x = self._from_windows(windows, level, dtype)
        if level > 0:
            x = maybe_checkpoint(self.blocks[level - 1], self.recompute, x)
            if fade < 1:
                coarse = self._from_windows(downsample(windows), level - 1, dtype)
                x = torch.lerp(coarse, x, fade)
            for block in reversed(self.blocks[: level - 1]):
                x = maybe_checkpoint(block, self.recompute, x)
        return x.float()

    def _from_windows(self, windows: Tensor, level: int, dtype: torch.dtype) -> Tensor:
        x = windows.to(dtype, memory_format=torch.channels_last_3d)
        return activate(self.from_windows[level](x))
