"""Path-length regularisation, Karras et al., StyleGAN2 (2020), section 3.2 and appendix B."""

import math

import torch
from torch import Tensor

from syda.model.generator import Generator
from syda.training import distributed, losses
from syda.training.distributed import DistributedInfo

DECAY = 0.99
"""Of the running mean of path lengths (appendix B)."""


class PathLengthPenalty:
    """The penalty and the running mean of path lengths that it pulls to.

    Args:
        generator: in training.
        processes: rank and number of processes.

    Attributes:
        mean: running mean of path lengths.
    """

    def __init__(self, generator: Generator, processes: DistributedInfo) -> None:
        self.generator = generator
        self.processes = processes
        self.mean = 0.0

    def __call__(self, conditions: Tensor, resolution: int, rng: torch.Generator) -> Tensor:
        """``(length - running mean)^2``, equation 4.

        Over every other volume of the whole batch (appendix B). The processes' parts of these can
        differ by one, or be empty; each process scales its sum so that their mean is that of all.

        Args:
            conditions: ``[N, C]`` of this process's shard.
            resolution: of the volumes.
            rng: source of latents, noise and directions, on the device.
        """
        n, rank = len(conditions), self.processes.rank
        half = math.ceil(n * self.processes.world_size / 2)
        part = slice(math.ceil(n * rank / 2), math.ceil(n * (rank + 1) / 2))
        latents = self.generator.draw_latents(half, rng)[part]
        noise = [layer[part] for layer in self.generator.draw_noise(half, rng, resolution)]
        shape = (half, 1, resolution, resolution, resolution)
        y = torch.randn(shape, generator=rng, device=rng.device)[part]
        lengths = y.new_zeros(0)
        if len(y):
            w = self.generator.style(latents, conditions[n * rank % 2 :: 2])
            lengths = losses.path_lengths(self.generator.synthesis(w, noise), w, y)
        scale = self.processes.world_size / half
        mean = distributed.all_reduce_mean(
            lengths.sum().item() * scale, self.processes, conditions.device
        )
        self.mean = DECAY * self.mean + (1 - DECAY) * mean
        return (lengths - self.mean).square().sum() * scale
