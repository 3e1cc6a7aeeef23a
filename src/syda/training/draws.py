"""Random numbers of a batch that several processes share: each draws for all and keeps its own."""

from dataclasses import dataclass

import torch
from torch import Tensor

from syda.training.devices import Place


@dataclass(frozen=True)
class Draws:
    """Rows of random numbers, the same whatever the number of processes.

    Attributes:
        rng: in the same state in every process.
        place: which of them this is.
    """

    rng: torch.Generator
    place: Place

    def uniform(self, n: int, *shape: int) -> Tensor:
        """``[n, *shape]`` in [0, 1)."""
        whole = torch.rand(n * self.place.world, *shape, generator=self.rng, device=self.rng.device)
        return self.place.own(whole)

    def symmetric(self, n: int, *shape: int) -> Tensor:
        """``[n, *shape]`` in [-1, 1)."""
        return 2 * self.uniform(n, *shape) - 1

    def normal(self, n: int, *shape: int) -> Tensor:
        """``[n, *shape]``, standard normal."""
        whole = torch.randn(
            n * self.place.world, *shape, generator=self.rng, device=self.rng.device
        )
        return self.place.own(whole)

    def integers(self, low: int, high: int, n: int, *shape: int) -> Tensor:
        """``[n, *shape]`` from low to high, high excluded."""
        whole = torch.randint(
            low, high, (n * self.place.world, *shape), generator=self.rng, device=self.rng.device
        )
        return self.place.own(whole)
