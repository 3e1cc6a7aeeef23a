"""Training volumes in memory, and the order in which they are shown.

Records are encoded once into one tensor: a few hundred volumes of 128^3 in float32 are some
gigabytes, of 32^3 some megabytes, and no step waits for a disk.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from syda.errors import CheckFailed
from syda.types import Volume
from syda.volume.model_space import ModelSpace


def encode(volumes: Iterable[Volume], space: ModelSpace) -> tuple[Tensor, list[int]]:
    """Bring scans into the model range.

    Args:
        volumes: at the spacing of the model space.
        space: the cube that the network sees.

    Returns:
        ``[cases, 1, S, S, S]`` float32 in [-1, 1], and each case's longest side in voxels.

    Raises:
        CheckFailed: there is no volume.
    """
    encoded = [space.encode(volume) for volume in volumes]
    if not encoded:
        raise CheckFailed("train: no training volume in the records: add scans to data.version")
    images = torch.from_numpy(np.stack([image for image, _ in encoded]))
    return images, [longest for _, longest in encoded]


class Batches(IterableDataset[Tensor]):
    """A fixed number of batches: every volume once, in a new order, before any comes again.

    Args:
        images: ``[cases, 1, S, S, S]``.
        batch: volumes a batch.
        count: batches in all.
        seed: of the order.
    """

    def __init__(self, images: Tensor, batch: int, count: int, seed: int) -> None:
        super().__init__()
        self.images = images
        self.batch = batch
        self.count = count
        self.seed = seed

    def __len__(self) -> int:
        """Batches in all."""
        return self.count

    def __iter__(self) -> Iterator[Tensor]:
        """Yield ``[batch, 1, S, S, S]``."""
        rng = torch.Generator().manual_seed(self.seed)
        queue = torch.empty(0, dtype=torch.int64)
        for _ in range(self.count):
            while len(queue) < self.batch:
                queue = torch.cat([queue, torch.randperm(len(self.images), generator=rng)])
            yield self.images[queue[: self.batch]]
            queue = queue[self.batch :]
