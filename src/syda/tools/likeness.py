"""How near a shadow is to its source and to the training cases, beside how near patients are.

The distance is the perceptual one of the evaluation (:func:`syda.metrics.perception.look`), on the
model's cube.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from syda import paths
from syda.metrics.cohorts import Grid, Images
from syda.metrics.feature_space import FeatureSpace
from syda.metrics.perception import look
from syda.records import reader
from syda.records.split import SPLITS
from syda.records.writer import INDEX
from syda.runtime.manifest import digest_file
from syda.volume.model_space import ModelSpace


@dataclass(frozen=True)
class Reference:
    """The records that the weights were trained on, and those held out.

    Attributes:
        images: ``[V, D, H, W]`` in the model range, those of the training first.
        training: how many these are.
        patients: whose each is.
    """

    images: Images
    training: int
    patients: Sequence[str]


@dataclass(frozen=True)
class Likeness:
    """Distances of a shadow; None where the records of its weights are not at hand.

    Attributes:
        space: id of the feature space.
        to_source: from the shadow to its source.
        to_training: from the shadow to the nearest training case.
        between_patients: median over pairs of different patients.
        nearest_patients: least of these.
        pairs: how many there are.
    """

    space: str
    to_source: float
    to_training: float | None = None
    between_patients: float | None = None
    nearest_patients: float | None = None
    pairs: int = 0

    def is_copy(self, share: float) -> bool | None:
        """Whether it is nearer to a scan than a share of the median; None where nobody can tell."""
        if self.between_patients is None or self.to_training is None:
            return None
        return min(self.to_source, self.to_training) < share * self.between_patients

    def told(self) -> str:
        """In a line."""
        line = f"distance to the source {self.to_source:.4f}"
        if self.between_patients is None or self.to_training is None:
            return f"{line}; to training cases and between patients: not known"
        line = (
            f"{line}, to the nearest training case {self.to_training:.4f}; between different "
            f"patients {self.nearest_patients:.4f} to a median of {self.between_patients:.4f} "
            f"({self.pairs} pairs)"
        )
        if self.to_source > self.between_patients:
            line += "; it is no more like its source than another patient: the model knows no such"
        return line


def reference(root: Path, data: dict[str, Any], space: ModelSpace) -> Reference | None:
    """Read the records here, if they are those that the weights come from and hold two patients.

    Args:
        root: of the repository.
        data: of the weights' description.
        space: the model's.

    Raises:
        CorruptData: the records cannot be read.
    """
    folder = root / paths.RECORDS
    index = folder / INDEX
    if not index.is_file() or digest_file(index) != data.get("index_sha256"):
        return None
    images, patients, counts = [], [], []
    for split in SPLITS:  # training first
        for record in reader.read_split(folder, split, space.spacing_mm):
            images.append(space.encode(record.volume)[0][0])
            patients.append(record.case.patient)
        counts.append(len(images))
    if counts[0] == 0 or len(set(patients)) == 1:
        return None
    return Reference(np.stack(images), counts[0], patients)


def measure(space: ModelSpace, source: Images, shadow: Images, known: Reference | None) -> Likeness:
    """Measure a shadow.

    Args:
        space: the model's.
        source: ``[1, D, H, W]`` in the model range.
        shadow: same shape.
        known: what its distances are held against.
    """
    features = FeatureSpace(Grid(space.size, space.window_min, space.window_max))
    seen = [source, shadow] + ([] if known is None else [known.images])
    distances = look(features, np.concatenate(seen)).distances
    to_source = float(distances[0, 1])
    if known is None:
        return Likeness(features.id, to_source)
    own, between = distances[1, 2:], distances[2:, 2:]
    people = np.array(known.patients)
    others = between[np.triu(people[:, None] != people[None, :], 1)]
    return Likeness(
        features.id,
        to_source,
        float(own[: known.training].min()),
        float(np.median(others)),
        float(others.min()),
        len(others),
    )
