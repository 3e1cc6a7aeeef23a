"""Exponential moving average of the generator's weights: the weights that are released.

Yazici et al., The Unusual Effectiveness of Averaging in GAN Training (2019). The half-life is
counted in images. Early in training it is a share of the images seen, so that the initial weights
are soon forgotten.
"""

import copy

import torch
from torch import nn

from syda.model.generator import Generator


class Ema(nn.Module):
    """A running average of a generator's weights.

    Args:
        generator: its weights are the initial average.
        half_life: in images.
        ramp: upper bound of the half-life as a share of the images seen.
    """

    def __init__(self, generator: Generator, half_life: float, ramp: float) -> None:
        super().__init__()
        self.average = copy.deepcopy(generator).eval().requires_grad_(False)
        self.half_life = half_life
        self.ramp = ramp

    def decay(self, batch: int, images_seen: int) -> float:
        """Return the weight of the old average: ``0.5 ** (batch / half-life)``."""
        return float(0.5 ** (batch / min(self.half_life, self.ramp * images_seen)))

    @torch.no_grad()
    def update(self, generator: Generator, batch: int, images_seen: int) -> None:
        """Move the average towards the generator's weights.

        Args:
            generator: after its step.
            batch: images in that step.
            images_seen: image count after that step.
        """
        share = 1 - self.decay(batch, images_seen)
        pairs = zip(self.average.parameters(), generator.parameters(), strict=True)
        for average, value in pairs:
            average.lerp_(value, share)
