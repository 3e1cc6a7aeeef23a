"""Copy check: does a volume lie nearer to a training scan than scans of other people do?

Held-out scans show how near to a training scan another person's scan lies. The threshold is a low
quantile of these distances. A volume that lies nearer, voxel by voxel or to a network, is a copy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from syda.metrics.cohorts import Cohort, Floats, Images, Sampling, VoxelGrid
from syda.metrics.efficientnet import EfficientNetFeatures
from syda.metrics.estimate import interval, rounded
from syda.metrics.scans import read_records
from syda.metrics.voxels import rms_hu_between
from syda.records.split import SPLITS
from syda.types import HU
from syda.volume.model_space import ModelSpace
from syda.volume.transforms import scale_window

_SAMPLING = Sampling(seed=0, pairs=0, bootstrap=1000)


@dataclass(frozen=True)
class DistanceSpace:
    """One distance to the nearest training scan, and its threshold.

    Attributes:
        name: of the distance, as in ``metrics.json``.
        unit: of it.
        nearest: ``[V, D, H, W]`` volumes to ``[V]`` distances.
        held_out: the distances of the held-out scans.
        threshold: distance below which a volume is a copy.
        refused: ``[held-out scans]`` whether each is a copy by the threshold of the other patients.
    """

    name: str
    unit: str
    nearest: Callable[[Images], Floats]
    held_out: Floats
    threshold: float
    refused: NDArray[np.bool_]


class CopyCheck:
    """Finds volumes that are copies of training scans.

    Args:
        train: scans of the training. The features of each stay in memory, 6 to 11 MB a scan.
        holdout: scans of other people, of two patients or more.
        space: the model's cube.
        quantile: of the held-out scans' distances to their nearest training scan. With fewer than
            1 / quantile held-out patients it does not exist, and the smallest distance stands in.

    >>> def cohort(label: str, *hu: int) -> Cohort:
    ...     images = np.stack([np.full((8, 8, 8), value / 1000, np.float32) for value in hu])
    ...     names = tuple(map(str, range(len(hu))))
    ...     return Cohort(label, images, names, names)
    >>> space = ModelSpace(8, 1.5, -1000, 1000)
    >>> check = CopyCheck(cohort("train", 0, 300), cohort("holdout", 100, 150), space, 0.05)
    >>> [check.is_copy(np.full((8, 8, 8), hu, np.int16)) for hu in (10, 150)]
    [True, False]
    >>> check.detail()["threshold"]
    'the smallest distance: 2 held-out patients are too few for a quantile of 0.05'
    """

    def __init__(self, train: Cohort, holdout: Cohort, space: ModelSpace, quantile: float) -> None:
        self._space, self._train, self._holdout = space, train, holdout
        self._quantile = quantile
        grid = VoxelGrid(space.size, space.window_min, space.window_max)
        network = EfficientNetFeatures(grid)
        vectors = network.embed(train.images)

        def perceptual(images: Images) -> Floats:
            # A matrix product would lose digits: near volumes are differences of long vectors.
            exact = "donot_use_mm_for_euclid_dist"
            apart = torch.cdist(network.embed(images), vectors, compute_mode=exact)
            nearest: Floats = apart.amin(dim=1).double().square().numpy()
            return nearest

        def by_voxel(images: Images) -> Floats:
            nearest: Floats = rms_hu_between(images, train.images, grid).min(axis=1)
            return nearest

        self._spaces = [
            self._measured(f"perceptual_{network.map_space}", "1", perceptual),
            self._measured("rms_hu", "HU", by_voxel),
        ]

    def is_copy(self, hu: HU) -> bool:
        """Whether a decoded cube ``[i, j, k]`` is nearer than the threshold of either distance."""
        image = np.ascontiguousarray(scale_window(hu, self._space))[None]
        return any(float(space.nearest(image)[0]) < space.threshold for space in self._spaces)

    def detail(self) -> dict[str, Any]:
        """Thresholds with their 95 % intervals, and how many held-out scans would be refused.

        Each held-out scan is held against the threshold of the other patients. The intervals of the
        thresholds resample held-out patients; that of the share is of Clopper and Pearson.
        """
        refused = np.any([space.refused for space in self._spaces], axis=0)
        share = stats.binomtest(int(refused.sum()), len(refused)).proportion_ci(method="exact")
        return {
            "checked": True,
            "threshold": self._rule(),
            "train": len(self._train),
            "holdout": len(self._holdout),
            "spaces": {space.name: self._describe(space) for space in self._spaces},
            "false_refusals": {
                "refused": int(refused.sum()),
                "n": len(refused),
                "share": rounded(refused.mean()),
                "low": rounded(share.low),
                "high": rounded(share.high),
            },
        }

    def describe(self) -> str:
        """Say in a line what the check does to scans that are surely no copies."""
        found = self.detail()["false_refusals"]
        return (
            f"copy check: of {found['n']} held-out scans, which are no copies, it would refuse "
            f"{found['refused']} (95 % interval {found['low']:.2f} to {found['high']:.2f})"
        )

    def _measured(self, name: str, unit: str, nearest: Callable[[Images], Floats]) -> DistanceSpace:
        found = nearest(self._holdout.images)
        patient = self._holdout.patient_index
        refused = np.zeros(len(found), bool)
        for left_out in range(patient.max() + 1):
            of_patient = patient == left_out
            refused[of_patient] = found[of_patient] < self._quantile_of(found[~of_patient])
        return DistanceSpace(name, unit, nearest, found, self._quantile_of(found), refused)

    def _too_few(self) -> bool:
        return len(set(self._holdout.patients)) * self._quantile < 1

    def _quantile_of(self, distances: Floats) -> float:
        return float(np.quantile(distances, 0.0 if self._too_few() else self._quantile))

    def _describe(self, space: DistanceSpace) -> dict[str, Any]:
        low, high = interval(space.threshold, self._replicates(space.held_out))
        return {
            "unit": space.unit,
            "threshold": rounded(space.threshold),
            "low": max(low, 0.0),
            "high": high,
            "held_out_refused": int(space.refused.sum()),
        }

    def _replicates(self, distances: Floats) -> Floats:
        """Thresholds of held-out patients drawn with replacement."""
        patient = self._holdout.patient_index
        scans = [distances[patient == number] for number in range(patient.max() + 1)]
        generator = _SAMPLING.generator("copy check", self._holdout.label)
        drawn = generator.integers(len(scans), size=(_SAMPLING.bootstrap, len(scans)))
        samples = (np.concatenate([scans[number] for number in numbers]) for numbers in drawn)
        return np.array([self._quantile_of(sample) for sample in samples])

    def _rule(self) -> str:
        quantile = f"quantile of {self._quantile:g}"
        if not self._too_few():
            return f"{quantile} of the held-out scans' distances to their nearest training scan"
        patients = len(set(self._holdout.patients))
        return f"the smallest distance: {patients} held-out patients are too few for a {quantile}"


def load(records: Path, space: ModelSpace, quantile: float) -> CopyCheck | None:
    """Read the records that weights were trained on; None if two held-out patients are not there.

    Args:
        records: folder of the records.
        space: the model's cube.
        quantile: as in :class:`CopyCheck`.

    Raises:
        CorruptData: the records cannot be read.
    """
    train, holdout = (read_records(records, split, space) for split in SPLITS)
    if len(train) == 0 or len(set(holdout.patients)) == 1 or len(holdout) == 0:
        return None
    return CopyCheck(train, holdout, space, quantile)
