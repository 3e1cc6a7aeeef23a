"""Random numbers of a batch that several processes share."""

from dataclasses import dataclass

import torch
from torch import Tensor

from syda.training.distributed import DistributedInfo


@dataclass(frozen=True)
class ShardedRNG:
    """Generates the rows of the whole batch and returns those of this process.

    The rows of a batch do not depend on the number of processes.

    Attributes:
        rng: in the same state in every process.
        processes: rank and number of processes.
    """

    rng: torch.Generator
    processes: DistributedInfo

    def uniform(self, n: int, *shape: int) -> Tensor:
        """``[n, *shape]`` in [0, 1)."""
        size = (n * self.processes.world_size, *shape)
        return self.processes.shard(torch.rand(size, generator=self.rng, device=self.rng.device))

    def symmetric(self, n: int, *shape: int) -> Tensor:
        """``[n, *shape]`` in [-1, 1)."""
        return 2 * self.uniform(n, *shape) - 1

    def normal(self, n: int, *shape: int) -> Tensor:
        """``[n, *shape]``, standard normal."""
        size = (n * self.processes.world_size, *shape)
        return self.processes.shard(torch.randn(size, generator=self.rng, device=self.rng.device))

    def integers(self, low: int, high: int, n: int, *shape: int) -> Tensor:
        """``[n, *shape]`` in [low, high)."""
        size = (n * self.processes.world_size, *shape)
        return self.processes.shard(
            torch.randint(low, high, size, generator=self.rng, device=self.rng.device)
        )
