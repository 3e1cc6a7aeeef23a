"""The synthesis network: a learned constant grows, block by block, into a volume.

Each block doubles the side and convolves twice under the style, the first time in one with the
doubling (:mod:`syda.model.doubled_conv`). Every resolution adds its share to the image, which is
itself upsampled on the way (the skip generator of Karras et al., StyleGAN2, 2020, section 4.1). The
image is drawn in tones (:mod:`syda.model.tone`) and starts from the mean tone of the training
volumes, so that the network learns how bodies differ and not, at the cost of most of its steps,
what they share.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from syda.model.layers import downsample, in_parts, run, upsample
from syda.model.modulated_conv import ModulatedConv3d, ToImage
from syda.model.tone import Tone

START = 4
"""Side of the learned constant, voxels."""

SPREAD = 0.5
"""Standard deviation of the coarsest image at the start, before the tanh."""

SATURATION = 0.98
"""The mean is held below this, where the tanh still passes gradients."""


class Constant(nn.Module):
    """The learned start, ``[C, 4, 4, 4]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.randn(channels, START, START, START))

    def forward(self, n: int) -> Tensor:
        """Return ``[n, C, 4, 4, 4]``."""
        return self.value.expand(n, -1, -1, -1, -1)


class Block(nn.Module):
    """Double the side, two style layers, and this resolution's share of the image."""

    def __init__(self, latent: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv0 = ModulatedConv3d(latent, inputs, outputs, doubles=True)
        self.conv1 = ModulatedConv3d(latent, outputs, outputs)
        self.to_image = ToImage(latent, outputs, spread=0.0)

    def forward(
        self, x: Tensor, image: Tensor, w: Tensor, noise: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Features ``[N, inputs, s, s, s]`` and image ``[N, 1, s, s, s]`` to side 2 s."""
        x = self.conv0(x, w, noise[0])
        x = self.conv1(x, w, noise[1])
        return x, upsample(image) + self.to_image(x, w)


class Synthesis(nn.Module):
    """From w to a volume.

    Attributes:
        tone: the curve between image values and tones.
        mean: ``[1, 1, S, S, S]``, mean tone of the training volumes; zero until :meth:`start_from`.
        recompute: whether a training saves memory by computing feature maps twice.
        at_once: volumes of a batch that a training computes at once; 0 for all.

    Args:
        latent: length of w.
        channels: feature maps at 4, 8, 16, ... voxels a side.
    """

    mean: Tensor

    def __init__(self, latent: int, channels: Sequence[int]) -> None:
        super().__init__()
        side = START * 2 ** (len(channels) - 1)
        self.recompute = False
        self.at_once = 0
        self.register_buffer("mean", torch.zeros(1, 1, side, side, side))
        self.tone = Tone()
        self.constant = Constant(channels[0])
        self.conv = ModulatedConv3d(latent, channels[0], channels[0])
        self.to_image = ToImage(latent, channels[0], SPREAD)
        self.blocks = nn.ModuleList(
            Block(latent, inputs, outputs) for inputs, outputs in pairwise(channels)
        )

    def start_from(self, images: Tensor) -> None:
        """Take tone and mean from the training volumes, ``[cases, 1, S, S, S]`` in [-1, 1]."""
        self.tone.fit(images)
        self.mean.copy_(self.tone(images).mean(dim=0, keepdim=True))

    @property
    def levels(self) -> int:
        """Number of resolutions, from 4 voxels a side on."""
        return 1 + len(self.blocks)

    @property
    def noise_sides(self) -> list[int]:
        """Side of the noise of each style layer, voxels."""
        sides = [START * 2 ** (i + 1) for i in range(len(self.blocks))]
        return [START, *(side for side in sides for _ in range(2))]

    def forward(
        self, w: Tensor, noise: Sequence[Tensor], dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """One volume a row of w.

        Args:
            w: ``[N, latent]``, or ``[N, levels, latent]``, a style for each resolution; float32.
            noise: for each style layer ``[N, 1, s, s, s]``, standard normal; where the noise ends,
                the network does, at a coarser volume.
            dtype: of the feature maps; image, styles and demodulation stay float32.

        Returns:
            ``[N, 1, S, S, S]`` float32 in [-1, 1].
        """
        styles = w[:, None].expand(-1, self.levels, -1) if w.ndim == 2 else w
        return in_parts(partial(self._draw, dtype), self.at_once, styles, *noise)

    def _draw(self, dtype: torch.dtype, styles: Tensor, *noise: Tensor) -> Tensor:
        start = self.constant(len(styles)).to(dtype, memory_format=torch.channels_last_3d)
        x = self.conv(start, styles[:, 0], noise[0])
        image = self.to_image(x, styles[:, 0])
        for i, block in enumerate(self.blocks[: len(noise) // 2]):
            own = noise[2 * i + 1 : 2 * i + 3]
            x, image = run(block, self.recompute, x, image, styles[:, i + 1], own)
        return self.tone.inverse(torch.tanh(image + self._start(image.shape[-1])))

    def _start(self, side: int) -> Tensor:
        """The mean tones at a side, on the scale before the tanh."""
        mean = self.mean
        while mean.shape[-1] > side:
            mean = downsample(mean)
        return torch.atanh(mean.clamp(-SATURATION, SATURATION))
