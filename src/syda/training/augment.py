"""Differentiable augmentation of what the discriminator sees, real and synthetic alike.

With few volumes the discriminator learns them by heart; seen through random changes it cannot, and
as the same changes fall on synthetic volumes and gradients pass through them, the generator is not
taught to make them (Zhao et al., Differentiable Augmentation, 2020). Each change is left out at
random, so that the untouched volume stays the likeliest view (Karras et al., ADA, 2020, section 2).
Shifts are by whole voxels. Turns and zooms interpolate, and what that blurs goes unseen: with few
volumes, which are changed nearly always, the generator was left free to put noise there.
No operation mirrors: the liver would change sides.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from syda.training.draws import Draws

AIR = -1.0
"""Model-range value of air and of the padding around a scan."""


@dataclass(frozen=True)
class Augment:
    """A random change of a batch of volumes in the model range.

    Attributes:
        rotation: largest turn about each axis, degrees.
        zoom: largest relative change of size.
        shift: largest shift along each axis, share of the side.
        contrast: largest relative change of the distance from air.
        noise: largest standard deviation of what is added, share of the model range's half.
        cutout: side of the cube replaced by air, share of the side.
    """

    rotation: float
    zoom: float
    shift: float
    contrast: float
    noise: float
    cutout: float

    def __call__(self, images: Tensor, probability: float, draws: Draws) -> Tensor:
        """Change ``[N, 1, S, S, S]``; the same shape comes back.

        Args:
            images: in the model range.
            probability: that a sample undergoes each kind of change.
            draws: on the CPU; every random choice comes from them.
        """
        if probability == 0:
            return images
        chosen = (draws.uniform(len(images), 5) < probability).T
        images = self._scale_contrast(images, chosen[0], draws)
        images = self._turn(images, chosen[1], draws)
        images = self._shift(images, chosen[2], draws)
        images = self._add_noise(images, chosen[3], draws)
        return self._cut_out(images, chosen[4], draws)

    def _scale_contrast(self, images: Tensor, chosen: Tensor, draws: Draws) -> Tensor:
        change = draws.symmetric(len(images)) * self.contrast * chosen
        return (images - AIR) * _spread(1 + change, images) + AIR

    def _turn(self, images: Tensor, chosen: Tensor, draws: Draws) -> Tensor:
        """Turn about the three axes and change the size, about the centre; air comes in."""
        n = len(images)
        angles = draws.symmetric(n, 3) * math.radians(self.rotation) * chosen[:, None]
        zoom = 1 + draws.symmetric(n) * self.zoom * chosen
        if not (chosen.any() and (self.rotation or self.zoom)):
            return images
        matrix = _rotation(angles) / zoom[:, None, None]
        affine = torch.cat([matrix, torch.zeros(n, 3, 1)], dim=2).to(images)
        grid = functional.affine_grid(affine, list(images.shape), align_corners=False)
        turned = functional.grid_sample(images - AIR, grid, align_corners=False) + AIR
        return torch.where(chosen.to(images.device)[:, None, None, None, None], turned, images)

    def _shift(self, images: Tensor, chosen: Tensor, draws: Draws) -> Tensor:
        n, side = len(images), images.shape[-1]
        limit = round(self.shift * side)
        steps = draws.integers(-limit, limit + 1, n, 3) * chosen[:, None]
        padded = functional.pad(images, (limit,) * 6, value=AIR)
        starts = (limit - steps).tolist()
        return torch.stack(
            [
                padded[i, :, d : d + side, h : h + side, w : w + side]
                for i, (d, h, w) in enumerate(starts)
            ]
        )

    def _add_noise(self, images: Tensor, chosen: Tensor, draws: Draws) -> Tensor:
        deviation = draws.uniform(len(images)) * self.noise * chosen
        noise = draws.normal(*images.shape).to(images)
        return (images + noise * _spread(deviation, images)).clamp(-1, 1)

    def _cut_out(self, images: Tensor, chosen: Tensor, draws: Draws) -> Tensor:
        n, side = len(images), images.shape[-1]
        length = round(self.cutout * side)
        starts = draws.integers(0, side - length + 1, n, 3).to(images.device)
        voxel = torch.arange(side, device=images.device)
        inside = (voxel >= starts[..., None]) & (voxel < starts[..., None] + length)
        d, h, w = inside.unbind(dim=1)
        hole = d[:, :, None, None] & h[:, None, :, None] & w[:, None, None, :]
        chosen = chosen.to(images.device)
        return images.masked_fill((hole & chosen[:, None, None, None])[:, None], AIR)


def _spread(values: Tensor, images: Tensor) -> Tensor:
    """A value a sample, over its voxels."""
    return values.to(images)[:, None, None, None, None]


def _rotation(angles: Tensor) -> Tensor:
    """``[N, 3]`` radians about x, y and z to ``[N, 3, 3]``, one turn after the other."""
    turned = torch.eye(3).expand(len(angles), 3, 3)
    for axis in range(3):
        cos, sin = angles[:, axis].cos(), angles[:, axis].sin()
        one = torch.eye(3).repeat(len(angles), 1, 1)
        i, j = [k for k in range(3) if k != axis]
        one[:, i, i], one[:, i, j], one[:, j, i], one[:, j, j] = cos, -sin, sin, cos
        turned = one @ turned
    return turned
