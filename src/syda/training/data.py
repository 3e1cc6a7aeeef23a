"""Training volumes in memory, and the order in which they are shown.

Records are encoded once into one tensor: a few hundred volumes of 128^3 in float32 are some
gigabytes, of 32^3 some megabytes, and no step waits for a disk.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from syda.errors import CheckFailed
from syda.types import Properties, Volume
from syda.volume.model_space import ModelSpace


@dataclass(frozen=True)
class Scans:
    """What is trained on; entries of one index belong to one case.

    Attributes:
        images: ``[cases, 1, S, S, S]`` float32 in [-1, 1].
        longest_sides: L in voxels of the model space's ``spacing_mm``.
        properties: those of :class:`syda.types.Properties`, by name, and
            ``effective_spacing_mm``, the size of a model voxel; None where one is unknown. The
            network does not take them yet.
    """

    images: Tensor
    longest_sides: list[int]
    properties: list[dict[str, float | None]]


def encode(scans: Iterable[tuple[Volume, Properties]], space: ModelSpace) -> Scans:
    """Bring scans into the model range, their properties beside them.

    Args:
        scans: each at the spacing of the model space.
        space: the cube that the network sees.

    Raises:
        CheckFailed: there is no scan.
    """
    images, longest_sides = [], []
    properties: list[dict[str, float | None]] = []
    for volume, measured in scans:
        image, longest = space.encode(volume)
        images.append(image)
        longest_sides.append(longest)
        properties.append(
            {"effective_spacing_mm": space.effective_spacing(longest), **asdict(measured)}
        )
    if not images:
        raise CheckFailed("train: no training volume in the records: add scans to data.version")
    return Scans(torch.from_numpy(np.stack(images)), longest_sides, properties)


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
