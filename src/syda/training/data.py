"""Training volumes in memory, and the order in which they are shown.

Records are encoded once into one tensor: a few hundred volumes of 128^3 in float32 are some
gigabytes, of 32^3 some megabytes, and no step waits for a disk.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from syda.errors import CheckFailed
from syda.model.conditions import Conditions, Value, measure
from syda.training.devices import Place
from syda.types import EFFECTIVE_SPACING, Attribute, Properties, Volume
from syda.volume.model_space import ModelSpace


@dataclass(frozen=True)
class Scans:
    """What is trained on; entries of one index belong to one case.

    Attributes:
        images: ``[cases, 1, S, S, S]`` float32 in [-1, 1].
        properties: those of :class:`syda.types.Properties` and the attributes, by name, and
            ``effective_spacing_mm``, the size of a model voxel; None where one is unknown.
    """

    images: Tensor
    properties: list[dict[str, Value]]

    def told(self, conditions: Conditions) -> Tensor:
        """The properties as vectors, ``[cases, conditions.size]``."""
        rows = [conditions.encode(case) for case in self.properties]
        return torch.stack(rows)

    def only(self, cases: Sequence[int]) -> "Scans":
        """Return some of the cases, by index."""
        return Scans(self.images[cases], [self.properties[i] for i in cases])

    def sizes(self) -> Conditions:
        """The statistics of the size of a model voxel, which every case has."""
        return measure(self.properties, [EFFECTIVE_SPACING])


def encode(
    scans: Iterable[tuple[Volume, Properties, dict[str, Attribute]]], space: ModelSpace
) -> Scans:
    """Bring scans into the model range, their properties beside them.

    Args:
        scans: each at the spacing of the model space, what is measured in it, its attributes.
        space: the cube that the network sees.

    Raises:
        CheckFailed: there is no scan.
    """
    images = []
    properties: list[dict[str, Value]] = []
    for volume, measured, attributes in scans:
        image, longest = space.encode(volume)
        images.append(image)
        effective = {EFFECTIVE_SPACING: space.effective_spacing(longest)}
        properties.append({**attributes, **asdict(measured), **effective})
    if not images:
        raise CheckFailed("train: no training volume in the records: add scans to data.version")
    return Scans(torch.from_numpy(np.stack(images)), properties)


class Batches(IterableDataset[tuple[Tensor, Tensor]]):
    """A fixed number of batches: every volume once, in a new order, before any comes again.

    Args:
        images: ``[cases, 1, S, S, S]``.
        conditions: ``[cases, C]``, their properties.
        place: which of several processes this is: it gets its part of each batch.
        batch: volumes a batch, of all processes together.
        count: batches in all.
        seed: of the order.
        start: batches that have been shown before.
    """

    def __init__(
        self,
        images: Tensor,
        conditions: Tensor,
        place: Place,
        *,
        batch: int,
        count: int,
        seed: int,
        start: int = 0,
    ) -> None:
        super().__init__()
        self.place = place
        self.images = images
        self.conditions = conditions
        self.batch = batch
        self.count = count
        self.seed = seed
        self.start = start

    def __len__(self) -> int:
        """Batches that are left to show."""
        return self.count - self.start

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ``[part, 1, S, S, S]`` and ``[part, C]``."""
        rng = torch.Generator().manual_seed(self.seed)
        queue = torch.empty(0, dtype=torch.int64)
        for number in range(self.count):
            while len(queue) < self.batch:
                queue = torch.cat([queue, torch.randperm(len(self.images), generator=rng)])
            shown, queue = self.place.own(queue[: self.batch]), queue[self.batch :]
            if number >= self.start:
                yield self.images[shown], self.conditions[shown]
