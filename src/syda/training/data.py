"""Training volumes in memory, and the order in which they are shown.

Records are decoded once into one tensor: a few hundred volumes of 128^3 in float32 are some
gigabytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from syda.errors import CheckFailed
from syda.model.conditions import ConditionSchema, Value
from syda.records.schema import Record
from syda.training.distributed import DistributedInfo
from syda.types import EFFECTIVE_SPACING, SCAN_LENGTH, Case
from syda.volume import transforms
from syda.volume.model_space import ModelSpace


@dataclass(frozen=True)
class TrainingSet:
    """Volumes and properties; entries of one index belong to one case.

    Attributes:
        images: ``[cases, 1, S, S, S]`` float32 in [-1, 1].
        properties: :class:`syda.types.Properties`, attributes, and the sizes of
            :meth:`~syda.volume.model_space.ModelSpace.sizes_of`, by name; None where unknown.
        cases: pseudonyms.
    """

    images: Tensor
    properties: list[dict[str, Value]]
    cases: tuple[Case, ...] = ()

    def schema(self, names: Sequence[str]) -> ConditionSchema:
        """Fit the condition schema of ``model.properties``.

        Raises:
            CheckFailed: no case has a property, or its values are of mixed type.
        """
        try:
            return ConditionSchema.fit(self.properties, names)
        except ValueError as error:
            raise CheckFailed(f"model.properties: {error}") from error

    def conditions(self, schema: ConditionSchema) -> Tensor:
        """Return the properties as vectors, ``[cases, schema.size]``."""
        return torch.stack([schema.encode(case) for case in self.properties])

    def subset(self, indices: Sequence[int]) -> "TrainingSet":
        """Return some of the cases."""
        properties = [self.properties[i] for i in indices]
        return TrainingSet(self.images[indices], properties, tuple(self.cases[i] for i in indices))

    def size_schema(self) -> ConditionSchema:
        """Return the statistics of the sizes, which every case has."""
        return ConditionSchema.fit(self.properties, [EFFECTIVE_SPACING, SCAN_LENGTH])

    def body_part(self) -> str | None:
        """Return the body part that all cases have, or None if they have none or several."""
        first, *others = {case.get("body_part") for case in self.properties}
        return first if isinstance(first, str) and not others else None


def encode(records: Iterable[Record], space: ModelSpace) -> TrainingSet:
    """Convert records to the model range.

    Args:
        records: each at the spacing of the model space.
        space: the cube that the network sees.

    Raises:
        CheckFailed: there is no record.
    """
    images, cases = [], []
    properties: list[dict[str, Value]] = []
    for record in records:
        image = transforms.encode(record.volume, space)
        images.append(image)
        cases.append(record.case)
        measured, sizes = asdict(record.properties), space.sizes_of(record.volume)
        properties.append({**record.case.attributes, **measured, **sizes})
    if not images:
        raise CheckFailed("train: no training volume in the records: add scans to data.version")
    return TrainingSet(torch.from_numpy(np.stack(images)), properties, tuple(cases))


class Batches(IterableDataset[tuple[Tensor, Tensor]]):
    """A fixed number of batches; all volumes are shown, in random order, before any is repeated.

    Args:
        images: ``[cases, 1, S, S, S]``.
        conditions: ``[cases, C]``.
        processes: rank and number of processes; each gets its shard of a batch.
        sizes: of each batch, of all processes together.
        seed: of the order.
        start: number of batches to skip.
    """

    def __init__(
        self,
        images: Tensor,
        conditions: Tensor,
        processes: DistributedInfo,
        *,
        sizes: Sequence[int],
        seed: int,
        start: int = 0,
    ) -> None:
        super().__init__()
        self.processes = processes
        self.images = images
        self.conditions = conditions
        self.sizes = sizes
        self.seed = seed
        self.start = start

    def __len__(self) -> int:
        """Return the number of batches without those skipped."""
        return len(self.sizes) - self.start

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield shards ``[n, 1, S, S, S]`` and ``[n, C]``."""
        rng = torch.Generator().manual_seed(self.seed)
        queue = torch.empty(0, dtype=torch.int64)
        for number, size in enumerate(self.sizes):
            while len(queue) < size:
                queue = torch.cat([queue, torch.randperm(len(self.images), generator=rng)])
            shard, queue = self.processes.shard(queue[:size]), queue[size:]
            if number >= self.start:
                yield self.images[shard], self.conditions[shard]
