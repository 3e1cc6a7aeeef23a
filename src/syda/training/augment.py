"""Differentiable augmentation of what the discriminator sees, real and synthetic alike.

With few volumes the discriminator learns them by heart; seen through random changes it cannot, and
as the same changes fall on synthetic volumes and gradients pass through them, the generator is not
taught to make them (Zhao et al., Differentiable Augmentation, 2020). Each change is left out at
random, so that the untouched volume stays the likeliest view (Karras et al., ADA, 2020, section 2).
No operation mirrors: the liver would change sides.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

AIR = -1.0
"""Model-range value of air and of the padding around a scan."""


@dataclass(frozen=True)
class Augment:
    """A random change of a batch of volumes in the model range.

    Attributes:
        probability: that a sample undergoes each kind of change.
        shift: largest shift along each axis, share of the side.
        contrast: largest relative change of the distance from air.
        cutout: side of the cube replaced by air, share of the side.
    """

    probability: float
    shift: float
    contrast: float
    cutout: float

    def __call__(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Change ``[N, 1, S, S, S]``; the same shape comes back.

        Args:
            images: in the model range.
            rng: on the CPU; every random choice comes from it.
        """
        images = self._scale_contrast(images, rng)
        images = self._shift(images, rng)
        return self._cut_out(images, rng)

    def _chosen(self, n: int, rng: torch.Generator) -> Tensor:
        return torch.rand(n, generator=rng) < self.probability

    def _scale_contrast(self, images: Tensor, rng: torch.Generator) -> Tensor:
        n = len(images)
        change = (2 * torch.rand(n, generator=rng) - 1) * self.contrast * self._chosen(n, rng)
        factor = (1 + change).to(images.device)[:, None, None, None, None]
        return (images - AIR) * factor + AIR

    def _shift(self, images: Tensor, rng: torch.Generator) -> Tensor:
        n, side = len(images), images.shape[-1]
        limit = round(self.shift * side)
        steps = torch.randint(-limit, limit + 1, (n, 3), generator=rng)
        steps = steps * self._chosen(n, rng)[:, None]
        padded = functional.pad(images, (limit,) * 6, value=AIR)
        starts = (limit - steps).tolist()
        return torch.stack(
            [
                padded[i, :, d : d + side, h : h + side, w : w + side]
                for i, (d, h, w) in enumerate(starts)
            ]
        )

    def _cut_out(self, images: Tensor, rng: torch.Generator) -> Tensor:
        n, side = len(images), images.shape[-1]
        length = round(self.cutout * side)
        starts = torch.randint(0, side - length + 1, (n, 3), generator=rng)
        starts, chosen = starts.to(images.device), self._chosen(n, rng).to(images.device)
        voxel = torch.arange(side, device=images.device)
        inside = (voxel >= starts[..., None]) & (voxel < starts[..., None] + length)
        d, h, w = inside.unbind(dim=1)
        hole = d[:, :, None, None] & h[:, None, :, None] & w[:, None, None, :]
        return images.masked_fill((hole & chosen[:, None, None, None])[:, None], AIR)
