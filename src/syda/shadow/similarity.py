"""Distances of a shadow to its source, to the training cases, and between patients.

The distance is the perceptual distance of the evaluation, on the model's cube.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from syda.metrics.cohorts import Images, VoxelGrid
from syda.metrics.efficientnet import EfficientNetFeatures
from syda.metrics.scans import read_records
from syda.records.index import records_of
from syda.records.split import SPLITS
from syda.volume.model_space import ModelSpace


@dataclass(frozen=True)
class Reference:
    """Training and held-out records of the weights.

    Attributes:
        images: ``[V, D, H, W]`` in the model range, the training cases first.
        training: number of training cases.
        patients: the patient of each case.
    """

    images: Images
    training: int
    patients: Sequence[str]


@dataclass(frozen=True)
class Similarity:
    """Distances of a shadow; None without the records of its weights.

    Attributes:
        space: id of the feature space.
        to_source: distance to the source.
        to_training: distance to the nearest training case.
        between_patients: median distance over pairs of different patients.
        nearest_patients: smallest of these distances.
        pairs: number of these pairs.

    >>> near = Similarity("space", 0.1, 0.3, between_patients=0.4, nearest_patients=0.2, pairs=6)
    >>> near.is_copy(share=0.4)
    True
    """

    space: str
    to_source: float
    to_training: float | None = None
    between_patients: float | None = None
    nearest_patients: float | None = None
    pairs: int = 0

    def is_copy(self, share: float) -> bool | None:
        """Whether a scan is nearer than a share of the median; None without records."""
        if self.between_patients is None or self.to_training is None:
            return None
        return min(self.to_source, self.to_training) < share * self.between_patients

    def describe(self) -> str:
        """Return the distances in a line."""
        line = f"distance to the source {self.to_source:.4f}"
        if self.between_patients is None or self.to_training is None:
            return f"{line}; to training cases and between patients: unknown"
        line = (
            f"{line}, to the nearest training case {self.to_training:.4f}; between different "
            f"patients {self.nearest_patients:.4f} to a median of {self.between_patients:.4f} "
            f"({self.pairs} pairs)"
        )
        if self.to_source > self.between_patients:
            line += "; its source is farther away than other patients: no similar scan was learned"
        return line


def load_reference(root: Path, data: dict[str, Any], space: ModelSpace) -> Reference | None:
    """Read the records here, if the weights were trained on them and they hold two patients.

    Args:
        root: of the repository.
        data: of the weights' description.
        space: the model's cube.

    Raises:
        CorruptData: the records cannot be read.
    """
    folder = records_of(root, data)
    if folder is None:
        return None
    train, holdout = (read_records(folder, split, space) for split in SPLITS)
    cohorts = [cohort for cohort in (train, holdout) if len(cohort)]
    patients = [patient for cohort in cohorts for patient in cohort.patients]
    if len(train) == 0 or len(set(patients)) == 1:
        return None
    images = np.concatenate([cohort.images for cohort in cohorts])
    return Reference(images, len(train), patients)


def measure_similarity(
    space: ModelSpace, source: Images, shadow: Images, reference: Reference | None
) -> Similarity:
    """Measure the distances of a shadow.

    Args:
        space: the model's cube.
        source: ``[1, D, H, W]`` in the model range.
        shadow: same shape.
        reference: cases to compare with, or None.
    """
    extractor = EfficientNetFeatures(VoxelGrid(space.size, space.window_min, space.window_max))
    seen = [source, shadow] + ([] if reference is None else [reference.images])
    distances = extractor.extract(*seen).distances
    to_source = float(distances[0, 1])
    if reference is None:
        return Similarity(extractor.map_space, to_source)
    to_patients, between = distances[1, 2:], distances[2:, 2:]
    people = np.array(reference.patients)
    others = between[np.triu(people[:, None] != people[None, :], 1)]
    return Similarity(
        extractor.map_space,
        to_source,
        float(to_patients[: reference.training].min()),
        float(np.median(others)),
        float(others.min()),
        len(others),
    )
