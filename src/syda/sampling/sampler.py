"""Synthetic volumes from seeds: the same seed and weights give the same volume."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from syda.model.conditions import ConditionSchema, Value
from syda.model.generator import Generator
from syda.types import EFFECTIVE_SPACING, Volume
from syda.volume import partial_slices
from syda.volume.model_space import ModelSpace


@dataclass(frozen=True)
class Sample:
    """A synthetic volume.

    Attributes:
        seed: of the volume.
        longest_side: L, the longest side in voxels of the model space's ``spacing_mm``.
        properties: that the generator was given.
        volume: ``[N, N, N]`` HU; the affine holds the voxel size ``spacing_mm L / N``.
        changed_end_slices: number of partial slices at the ends of the body, now whole or air
            (:mod:`syda.volume.partial_slices`).
    """

    seed: int
    longest_side: int
    properties: dict[str, Value]
    volume: Volume
    changed_end_slices: int = 0


@dataclass(frozen=True)
class GeneratorInputs:
    """What a seed decides.

    Attributes:
        longest_side: as in :class:`Sample`.
        properties: as in :class:`Sample`.
        conditions: ``[1, conditions]``, the encoded properties.
        z: ``[1, latent_dim]``.
        noise: of each style layer, ``[1, 1, s, s, s]``.
    """

    longest_side: int
    properties: dict[str, Value]
    conditions: Tensor
    z: Tensor
    noise: list[Tensor]


class Sampler:
    """Samples volumes from a generator.

    Args:
        generator: the network.
        space: decodes its images to HU.
        sizes: sizes of the training cases. The model voxel size is sampled from them unless it is
            one of the generator's conditions.
        conditions: the generator's conditions.
        dtype: of the feature maps.

    >>> schema = ConditionSchema.fit([{EFFECTIVE_SPACING: 3.0}], [EFFECTIVE_SPACING])
    >>> network = Generator(
    ...     latent_dim=4, mapping_layers=1, mapping_lr_multiplier=0.1, channels=[3, 2]
    ... )
    >>> space = ModelSpace(8, 1.5, -1000, 1000)
    >>> unconditional = ConditionSchema.fit([], [])
    >>> sampler = Sampler(network, space, schema, unconditional, torch.float32)
    >>> sample = sampler.sample(seed=7)
    >>> sample.volume.hu.shape, sample.volume.spacing, sample.longest_side
    ((8, 8, 8), (3.0, 3.0, 3.0), 16)
    """

    def __init__(
        self,
        generator: Generator,
        space: ModelSpace,
        sizes: ConditionSchema,
        conditions: ConditionSchema,
        dtype: torch.dtype,
    ) -> None:
        self.generator = generator
        self.space = space
        self.sizes = sizes
        self.conditions = conditions
        self.dtype = dtype

    @torch.no_grad()
    def sample(
        self, seed: int, truncation: float = 1.0, properties: Mapping[str, Value] | None = None
    ) -> Sample:
        """Sample one volume.

        Args:
            seed: of the volume.
            truncation: truncation psi, 1 for the full variety, 0 for the mean style.
            properties: as in :meth:`inputs`.

        Raises:
            ValueError: a property that the generator does not have.
        """
        inputs = self.inputs(seed, properties or {})
        image = self.generator(
            inputs.z, inputs.conditions, inputs.noise, truncation=truncation, dtype=self.dtype
        ).cpu()
        volume = self.space.decode(image[0].numpy(), inputs.longest_side)
        hu, changed = partial_slices.make_whole(volume.hu, self.space.window_min)
        return Sample(seed, inputs.longest_side, inputs.properties, replace(volume, hu=hu), changed)

    def inputs(self, seed: int, fixed: Mapping[str, Value]) -> GeneratorInputs:
        """Sample the inputs of the generator.

        Size, properties, latent and noise come, in this order, from one random generator of this
        seed. A volume therefore does not depend on the other volumes.

        Args:
            seed: of the volume.
            fixed: properties that are given; None leaves one unknown to the generator. The others
                are sampled conditionally.

        Raises:
            ValueError: a property that the generator does not have.
        """
        rng = torch.Generator().manual_seed(seed)
        size = self.sizes.sample(rng, {})[EFFECTIVE_SPACING]
        properties = self.conditions.sample(rng, fixed)
        given = properties.get(EFFECTIVE_SPACING)
        longest = self._longest_side(given, size)
        if given is not None:
            properties[EFFECTIVE_SPACING] = self.space.effective_spacing(longest)
        device = self.generator.w_average.device
        z = self.generator.draw_latents(1, rng).to(device)
        noise = [layer.to(device) for layer in self.generator.draw_noise(1, rng)]
        encoded = self.conditions.encode(properties)[None].to(device)
        return GeneratorInputs(longest, properties, encoded, z, noise)

    def _longest_side(self, *sizes: Value) -> int:
        """L that gives about the first known one of these model voxel sizes, mm."""
        spacing = next(float(size) for size in sizes if size is not None)
        return max(1, round(spacing * self.space.size / self.space.spacing_mm))
