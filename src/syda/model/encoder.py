"""The encoder: from a volume to the style that the generator would draw it with, about.

A linear map of coarse tones and properties: how volumes differ is nearly linear in tones, so that
least squares over volumes that the generator drew (:mod:`syda.training.encoder`) say more, after as
many of them, than a convolutional network does. It is where a projection starts, not where it ends.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from syda.model.tone import Tone

SIDE = 16
"""Side of the coarse tones, voxels; finer detail says little of w."""


class Encoder(nn.Module):
    """From volumes and their properties to the part of w that no property decides.

    Args:
        latent: length of w.
        size: N, side of the volumes.
        conditions: length of the vector of properties; 0 for none.

    Attributes:
        tone: the generator's curve.
        weight: ``[latent, features]``; zero until trained.
        bias: ``[latent]``, likewise.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, *, latent: int, size: int, conditions: int) -> None:
        super().__init__()
        self.architecture = {"latent": latent, "size": size, "conditions": conditions}
        features = min(size, SIDE) ** 3 + conditions
        self.tone = Tone()
        self.register_buffer("weight", torch.zeros(latent, features))
        self.register_buffer("bias", torch.zeros(latent))

    def features(self, images: Tensor, conditions: Tensor) -> Tensor:
        """What is read: mean tones of blocks, and the properties.

        Args:
            images: ``[N, 1, S, S, S]`` in [-1, 1].
            conditions: ``[N, conditions]`` (:mod:`syda.model.conditions`).

        Returns:
            ``[N, features]``.
        """
        coarse = functional.adaptive_avg_pool3d(self.tone(images), min(images.shape[-1], SIDE))
        return torch.cat([coarse.flatten(1), conditions], dim=1)

    def forward(self, images: Tensor, conditions: Tensor) -> Tensor:
        """As :meth:`features` to ``[N, latent]``."""
        return functional.linear(self.features(images, conditions), self.weight, self.bias)
