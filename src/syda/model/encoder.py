"""The encoder: estimates the style of a volume, as a start for projection.

It is linear: styles are regressed on intensity-equalised values at low resolution and on the
conditions. Volumes differ nearly linearly on that scale, and least squares
(:mod:`syda.training.encoder`) gave a better estimate than a convolutional network trained on the
same number of generated volumes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from syda.model.intensity_curve import IntensityCurve

RESOLUTION = 16
"""Voxels along each axis of the low-resolution volume that is read."""


class Encoder(nn.Module):
    """Linear map from volumes and conditions to w.

    Args:
        latent_dim: length of w.
        size: N, voxels along each axis of the volumes.
        conditions: length of the condition vector; 0 for none.

    Attributes:
        intensity_curve: that of the generator.
        weight: ``[latent_dim, features]``; zero until trained.
        bias: ``[latent_dim]``; zero until trained.

    >>> encoder = Encoder(latent_dim=6, size=8, conditions=2)
    >>> encoder(torch.zeros(3, 1, 8, 8, 8), torch.zeros(3, 2)).shape
    torch.Size([3, 6])
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, *, latent_dim: int, size: int, conditions: int) -> None:
        super().__init__()
        self.architecture = {"latent_dim": latent_dim, "size": size, "conditions": conditions}
        features = min(size, RESOLUTION) ** 3 + conditions
        self.intensity_curve = IntensityCurve()
        self.register_buffer("weight", torch.zeros(latent_dim, features))
        self.register_buffer("bias", torch.zeros(latent_dim))

    def features(self, images: Tensor, conditions: Tensor) -> Tensor:
        """Return what the regression reads.

        Args:
            images: ``[N, 1, S, S, S]`` in [-1, 1].
            conditions: ``[N, conditions]`` (:class:`syda.model.conditions.ConditionSchema`).

        Returns:
            ``[N, features]``: equalised intensities, averaged to ``RESOLUTION``^3; conditions.
        """
        size = min(images.shape[-1], RESOLUTION)
        coarse = functional.adaptive_avg_pool3d(self.intensity_curve(images), size)
        return torch.cat([coarse.flatten(1), conditions], dim=1)

    def forward(self, images: Tensor, conditions: Tensor) -> Tensor:
        """Arguments of :meth:`features` to ``[N, latent_dim]``."""
        return functional.linear(self.features(images, conditions), self.weight, self.bias)
