"""Differentiable augmentation of the discriminator's input, for real and synthetic volumes.

With few volumes, the discriminator memorises them; augmentation prevents that. Synthetic volumes
are augmented too, and gradients pass through, so that the generator does not learn the augmentation
(Zhao et al., Differentiable Augmentation, 2020). Each kind is skipped at random, so that the
unchanged volume stays the most likely input (Karras et al., ADA, 2020, section 2).

Shifts are by whole voxels. Rotation and zoom interpolate, which hides noise from the
discriminator. Nothing is mirrored: the liver would change sides.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from syda.training.config import AugmentParams
from syda.training.sharded_rng import ShardedRNG

AIR = -1.0
"""Model-range value of air, and of the padding around a scan."""


def augment(images: Tensor, params: AugmentParams, probability: float, rng: ShardedRNG) -> Tensor:
    """Augment ``[N, 1, S, S, S]`` in the model range; the shape stays.

    Args:
        images: real or synthetic volumes.
        params: strength of each kind.
        probability: of each kind, for each sample.
        rng: on the CPU; source of all randomness.
    """
    if probability == 0:
        return images
    chosen = (rng.uniform(len(images), 5) < probability).T
    images = _scale_contrast(images, params.contrast, chosen[0], rng)
    images = _rotate_and_zoom(images, params, chosen[1], rng)
    images = _shift(images, params.shift, chosen[2], rng)
    images = _add_noise(images, params.noise, chosen[3], rng)
    return _cut_out(images, params.cutout, chosen[4], rng)


def _scale_contrast(images: Tensor, largest: float, chosen: Tensor, rng: ShardedRNG) -> Tensor:
    change = rng.symmetric(len(images)) * largest * chosen
    return (images - AIR) * _per_sample(1 + change, images) + AIR


def _rotate_and_zoom(
    images: Tensor, params: AugmentParams, chosen: Tensor, rng: ShardedRNG
) -> Tensor:
    """Rotate about the three axes and scale, about the centre; air fills the outside."""
    n = len(images)
    angles = rng.symmetric(n, 3) * math.radians(params.rotation) * chosen[:, None]
    zoom = 1 + rng.symmetric(n) * params.zoom * chosen
    if not (chosen.any() and (params.rotation or params.zoom)):
        return images
    matrix = _rotation(angles) / zoom[:, None, None]
    affine = torch.cat([matrix, torch.zeros(n, 3, 1)], dim=2).to(images)
    grid = functional.affine_grid(affine, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images - AIR, grid, align_corners=False) + AIR
    return torch.where(chosen.to(images.device)[:, None, None, None, None], moved, images)


def _shift(images: Tensor, largest: float, chosen: Tensor, rng: ShardedRNG) -> Tensor:
    n, size = len(images), images.shape[-1]
    limit = round(largest * size)
    steps = rng.integers(-limit, limit + 1, n, 3) * chosen[:, None]
    padded = functional.pad(images, (limit,) * 6, value=AIR)
    starts = (limit - steps).tolist()
    return torch.stack(
        [
            padded[i, :, d : d + size, h : h + size, w : w + size]
            for i, (d, h, w) in enumerate(starts)
        ]
    )


def _add_noise(images: Tensor, largest: float, chosen: Tensor, rng: ShardedRNG) -> Tensor:
    deviation = rng.uniform(len(images)) * largest * chosen
    noise = rng.normal(*images.shape).to(images)
    return (images + noise * _per_sample(deviation, images)).clamp(-1, 1)


def _cut_out(images: Tensor, share: float, chosen: Tensor, rng: ShardedRNG) -> Tensor:
    n, size = len(images), images.shape[-1]
    length = round(share * size)
    starts = rng.integers(0, size - length + 1, n, 3).to(images.device)
    voxel = torch.arange(size, device=images.device)
    inside = (voxel >= starts[..., None]) & (voxel < starts[..., None] + length)
    d, h, w = inside.unbind(dim=1)
    hole = d[:, :, None, None] & h[:, None, :, None] & w[:, None, None, :]
    chosen = chosen.to(images.device)
    return images.masked_fill((hole & chosen[:, None, None, None])[:, None], AIR)


def _per_sample(values: Tensor, images: Tensor) -> Tensor:
    return values.to(images)[:, None, None, None, None]


def _rotation(angles: Tensor) -> Tensor:
    """``[N, 3]`` radians about x, y and z to matrices ``[N, 3, 3]``."""
    total = torch.eye(3).expand(len(angles), 3, 3)
    for axis in range(3):
        cos, sin = angles[:, axis].cos(), angles[:, axis].sin()
        one = torch.eye(3).repeat(len(angles), 1, 1)
        i, j = [k for k in range(3) if k != axis]
        one[:, i, i], one[:, i, j], one[:, j, i], one[:, j, j] = cos, -sin, sin, cos
        total = one @ total
    return total
