"""The synthesis network: style and noise to a volume (Karras et al., StyleGAN2, 2020).

A learned constant passes through blocks, each of which doubles the resolution. Every resolution
adds to the image, which is upsampled between blocks (skip generator, section 4.1). The image is
drawn on the equalised scale (:mod:`syda.model.intensity_curve`) as a difference from the mean
training volume, so that training is spent on the differences between bodies.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from syda.model.intensity_curve import IntensityCurve
from syda.model.layers import apply_in_microbatches, downsample, maybe_checkpoint, upsample
from syda.model.modulated_conv import ModulatedConv3d, ToImage

BASE_RESOLUTION = 4
"""Voxels along each axis of the learned constant."""

INITIAL_SPREAD = 0.5
"""Standard deviation of the coarsest image before training, before the tanh."""

SATURATION = 0.98
"""Bound of the mean volume's absolute value, so that the tanh passes gradients."""


class Constant(nn.Module):
    """The learned input, ``[C, 4, 4, 4]`` (Karras et al., StyleGAN, 2019, section 2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        shape = (BASE_RESOLUTION, BASE_RESOLUTION, BASE_RESOLUTION)
        self.value = nn.Parameter(torch.randn(channels, *shape))

    def forward(self, n: int) -> Tensor:
        """Return ``[n, C, 4, 4, 4]``."""
        return self.value.expand(n, -1, -1, -1, -1)


class Block(nn.Module):
    """Two style layers, the first of which upsamples, and this resolution's image."""

    def __init__(self, latent_dim: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv0 = ModulatedConv3d(latent_dim, inputs, outputs, upsamples=True)
        self.conv1 = ModulatedConv3d(latent_dim, outputs, outputs)
        self.to_image = ToImage(latent_dim, outputs, spread=0.0)

    def forward(
        self, x: Tensor, image: Tensor, w: Tensor, noise: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Features ``[N, inputs, s, s, s]`` and image ``[N, 1, s, s, s]`` to resolution 2 s."""
        x = self.conv0(x, w, noise[0])
        x = self.conv1(x, w, noise[1])
        return x, upsample(image) + self.to_image(x, w)


class Synthesis(nn.Module):
    """From styles and noise to volumes.

    Args:
        latent_dim: length of w.
        channels: feature maps at 4, 8, 16, ... voxels along each axis.

    Attributes:
        intensity_curve: between image values and equalised values.
        mean: ``[1, 1, S, S, S]``, mean of the equalised training volumes; zero without
            :meth:`init_from_mean`.
        recompute: whether training recomputes feature maps to save memory.
        microbatch_size: volumes computed at a time; 0 for the whole batch.
    """

    mean: Tensor

    def __init__(self, latent_dim: int, channels: Sequence[int]) -> None:
        super().__init__()
        size = BASE_RESOLUTION * 2 ** (len(channels) - 1)
        self.recompute = False
        self.microbatch_size = 0
        self.register_buffer("mean", torch.zeros(1, 1, size, size, size))
        self.intensity_curve = IntensityCurve()
        self.constant = Constant(channels[0])
        self.conv = ModulatedConv3d(latent_dim, channels[0], channels[0])
        self.to_image = ToImage(latent_dim, channels[0], INITIAL_SPREAD)
        self.blocks = nn.ModuleList(
            Block(latent_dim, inputs, outputs) for inputs, outputs in pairwise(channels)
        )

    def fit_intensity_curve(self, images: Tensor) -> None:
        """Fit the curve to the training volumes, ``[cases, 1, S, S, S]`` in [-1, 1]."""
        self.intensity_curve.fit(images)

    def init_from_mean(self, images: Tensor) -> None:
        """Draw differences from the mean of the training volumes, once the curve is fitted."""
        self.mean.copy_(self.intensity_curve(images).mean(dim=0, keepdim=True))

    @property
    def levels(self) -> int:
        """Number of resolutions, from 4 voxels on."""
        return 1 + len(self.blocks)

    @property
    def noise_resolutions(self) -> list[int]:
        """Resolution of the noise of each style layer, voxels along each axis."""
        finer = [BASE_RESOLUTION * 2 ** (i + 1) for i in range(len(self.blocks))]
        return [BASE_RESOLUTION, *(resolution for resolution in finer for _ in range(2))]

    def forward(
        self, w: Tensor, noise: Sequence[Tensor], dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Return one volume for each row of w.

        Args:
            w: ``[N, latent_dim]``, or ``[N, levels, latent_dim]`` with a style for each
                resolution; float32.
            noise: ``[N, 1, s, s, s]`` for each style layer, standard normal. With the noise of
                fewer layers, the volume is coarser.
            dtype: of the feature maps; image, styles and demodulation are float32.

        Returns:
            ``[N, 1, S, S, S]`` float32 in [-1, 1].
        """
        styles = w[:, None].expand(-1, self.levels, -1) if w.ndim == 2 else w
        draw = partial(self._forward, dtype)
        return apply_in_microbatches(draw, self.microbatch_size, styles, *noise)

    def _forward(self, dtype: torch.dtype, styles: Tensor, *noise: Tensor) -> Tensor:
        constant = self.constant(styles.shape[0]).to(dtype, memory_format=torch.channels_last_3d)
        x = self.conv(constant, styles[:, 0], noise[0])
        image = self.to_image(x, styles[:, 0])
        for i, block in enumerate(self.blocks[: len(noise) // 2]):
            pair = noise[2 * i + 1 : 2 * i + 3]
            x, image = maybe_checkpoint(block, self.recompute, x, image, styles[:, i + 1], pair)
        return self.intensity_curve.inverse(torch.tanh(image + self._mean_at(image.shape[-1])))

    def _mean_at(self, resolution: int) -> Tensor:
        """Return the mean volume at a resolution, before the tanh."""
        mean = self.mean
        while mean.shape[-1] > resolution:
            mean = downsample(mean)
        return torch.atanh(mean.clamp(-SATURATION, SATURATION))
