"""Synthetic volumes from seeds: the same seed and weights give the same volume."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from syda.model.conditions import Conditions, Value
from syda.model.generator import Generator
from syda.types import EFFECTIVE_SPACING, Volume
from syda.volume.model_space import ModelSpace


@dataclass(frozen=True)
class Sample:
    """A synthetic volume.

    Attributes:
        seed: that it comes from.
        longest_side: L, the scan's longest side in voxels of the model space's ``spacing_mm``.
        asked: the properties that the generator was given.
        volume: N^3 in HU; its affine carries the effective voxel size ``spacing_mm L / N``.
    """

    seed: int
    longest_side: int
    asked: dict[str, Value]
    volume: Volume


@dataclass(frozen=True)
class Draw:
    """What a seed decides.

    Attributes:
        longest_side: as :class:`Sample` has it.
        asked: likewise.
        told: ``[1, conditions]``, the same as a vector.
        z: ``[1, latent]``.
        noise: of each style layer.
    """

    longest_side: int
    asked: dict[str, Value]
    told: Tensor
    z: Tensor
    noise: list[Tensor]


class Sampler:
    """Draws from a generator.

    Args:
        generator: what draws.
        space: the way back to HU.
        sizes: of the training cases' model voxels, as statistics; a size is drawn from them, unless
            the generator is given one.
        conditions: the properties that the generator is given.
        dtype: of the feature maps, that of the training as a rule.
    """

    def __init__(
        self,
        generator: Generator,
        space: ModelSpace,
        sizes: Conditions,
        conditions: Conditions,
        dtype: torch.dtype,
    ) -> None:
        self.generator = generator
        self.space = space
        self.sizes = sizes
        self.conditions = conditions
        self.dtype = dtype

    @torch.no_grad()
    def sample(
        self, seed: int, truncation: float = 1.0, asked: Mapping[str, Value] | None = None
    ) -> Sample:
        """Draw one volume.

        Args:
            seed: of the volume.
            truncation: 1 for the full variety, towards 0 for ever more average volumes.
            asked: as :meth:`draw` takes it.

        Raises:
            ValueError: a property that the generator cannot be given.
        """
        drawn = self.draw(seed, asked or {})
        image = self.generator(
            drawn.z, drawn.told, drawn.noise, truncation=truncation, dtype=self.dtype
        ).cpu()
        volume = self.space.decode(image[0].numpy(), drawn.longest_side)
        return Sample(seed, drawn.longest_side, drawn.asked, volume)

    def draw(self, seed: int, asked: Mapping[str, Value]) -> Draw:
        """Draw what the generator makes a volume of.

        Size, properties, latent and noise come, in this order, from one random generator of this
        seed; so a volume does not depend on what else is drawn.

        Args:
            seed: of the volume.
            asked: properties; None leaves one open to the generator, those not named are drawn to
                go with the others.

        Raises:
            ValueError: a property that the generator cannot be given.
        """
        rng = torch.Generator().manual_seed(seed)
        size = self.sizes.draw(rng, {})[EFFECTIVE_SPACING]
        properties = self.conditions.draw(rng, asked)
        given = properties.get(EFFECTIVE_SPACING)
        longest = self._longest_side(given, size)
        if given is not None:
            properties[EFFECTIVE_SPACING] = self.space.effective_spacing(longest)
        device = self.generator.w_average.device
        z = self.generator.draw_latents(1, rng).to(device)
        noise = [layer.to(device) for layer in self.generator.draw_noise(1, rng)]
        told = self.conditions.encode(properties)[None].to(device)
        return Draw(longest, properties, told, z, noise)

    def _longest_side(self, *sizes: Value) -> int:
        """L that gives about the first of these sizes of a model voxel, mm, that is known."""
        spacing = next(float(size) for size in sizes if size is not None)
        return max(1, round(spacing * self.space.size / self.space.spacing_mm))
