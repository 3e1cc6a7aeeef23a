"""Synthetic volumes from seeds: the same seed and weights give the same volume."""

from dataclasses import dataclass

import torch

from syda.model.generator import Generator
from syda.types import Volume
from syda.volume.model_space import ModelSpace


@dataclass(frozen=True)
class Sample:
    """A synthetic volume.

    Attributes:
        seed: that it comes from.
        longest_side: L, the scan's longest side in voxels of the model space's ``spacing_mm``.
        volume: N^3 in HU; its affine carries the effective voxel size ``spacing_mm L / N``.
    """

    seed: int
    longest_side: int
    volume: Volume


class Sampler:
    """Draws from a generator.

    Args:
        generator: what draws.
        space: the way back to HU.
        longest_sides: L is drawn from these: those of the training cases.
    """

    def __init__(self, generator: Generator, space: ModelSpace, longest_sides: list[int]) -> None:
        self.generator = generator
        self.space = space
        self.longest_sides = longest_sides

    @torch.no_grad()
    def sample(self, seed: int, truncation: float = 1.0) -> Sample:
        """Draw one volume.

        L, latent and noise come, in this order, from one random generator of this seed; so a volume
        does not depend on what else is drawn.

        Args:
            seed: of the volume.
            truncation: 1 for the full variety, towards 0 for ever more average volumes.
        """
        rng = torch.Generator().manual_seed(seed)
        choice = int(torch.randint(len(self.longest_sides), (), generator=rng))
        device = self.generator.w_average.device
        z = self.generator.draw_latents(1, rng).to(device)
        noise = [layer.to(device) for layer in self.generator.draw_noise(1, rng)]
        image = self.generator(z, noise, truncation=truncation).cpu()
        longest = self.longest_sides[choice]
        return Sample(seed, longest, self.space.decode(image[0].numpy(), longest))
