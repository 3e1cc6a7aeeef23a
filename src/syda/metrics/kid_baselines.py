"""KID of volumes that are no generator's: how low is a low KID?

Each baseline is compared with the same held-out scans as the synthetic volumes are. KID of a
generator means something where it is well below that of the mean scan.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the field's name for it)
from scipy import ndimage

from syda.metrics import kid
from syda.metrics.cohorts import Cohort, Cohorts, Floats, Images, Sampling
from syda.metrics.estimate import Estimate, spread_of
from syda.metrics.features import FeatureExtractor
from syda.metrics.pools import HALF_SPLITS

BLUR_VOXELS = 1.0
"""Standard deviation of the Gaussian."""

TITLES = {
    "mean_scan": "mean training scan, as often as there are synthetic volumes",
    "half_side": "training scans at half the side, enlarged again",
    "blurred": "synthetic volumes and held-out scans, both after a blur of one voxel",
    "real_halves": "random halves of the real scans against each other",
}
"""Baseline to what it is."""


@dataclass(frozen=True)
class KidBaselines:
    """KID of the baselines.

    Attributes:
        split: the real split that they are compared with.
        found: name, of :data:`TITLES`, to KID.
    """

    split: str
    found: Mapping[str, Estimate]

    def detail(self) -> dict[str, Any]:
        """The values with their intervals, for ``details.json``."""
        figures = {
            name: {"title": TITLES[name], **one.detail()} for name, one in self.found.items()
        }
        return {
            "split": self.split,
            "protocol": {
                "half_side": "means of 2^3 voxels, enlarged trilinearly",
                "blur_voxels": BLUR_VOXELS,
                "half_splits": HALF_SPLITS,
                "interval": "bootstrap as for KID; real_halves: 1.96 deviations of a random half",
            },
            "figures": figures,
        }


def measure(
    extractor: FeatureExtractor, cohorts: Cohorts, split: str, sampling: Sampling
) -> KidBaselines:
    """Measure KID of each baseline.

    Args:
        extractor: the feature network.
        cohorts: the volumes.
        split: the real split to compare with; the other one is the training scans.
        sampling: seed and bootstrap.
    """
    held, train = cohorts.real[split], cohorts.real[cohorts.other(split)]
    synthetic, rows = cohorts.synthetic, cohorts.rows()
    vectors = extractor.extract(*cohorts.images).vectors
    degraded = [
        train.images.mean(axis=0, keepdims=True),
        halved(train.images),
        blurred(synthetic.images),
        blurred(held.images),
    ]
    mean, coarse, soft, soft_held = np.split(
        extractor.vectors(np.concatenate(degraded)),
        np.cumsum([len(images) for images in degraded])[:-1],
    )

    def compare(first: Cohort, seen: Floats, second: Cohort, target: Floats) -> Estimate:
        return kid.estimate(
            kid.weighted(first, seen, sampling), kid.weighted(second, target, sampling)
        )

    real = vectors[rows[split]]
    return KidBaselines(
        split,
        {
            "mean_scan": compare(synthetic, np.repeat(mean, len(synthetic), axis=0), held, real),
            "half_side": compare(train, coarse, held, real),
            "blurred": compare(synthetic, soft, held, soft_held),
            "real_halves": _halves(cohorts, vectors, sampling),
        },
    )


def halved(images: Images) -> Images:
    """Means of 2^3 voxels, enlarged trilinearly to the side that they had.

    >>> row = np.arange(4, dtype=np.float32)
    >>> halved(np.broadcast_to(row, (1, 4, 4, 4)).copy())[0, 0, 0]
    array([0.5, 1. , 2. , 2.5], dtype=float32)
    """
    volumes = torch.from_numpy(images)[:, None]
    enlarged = F.interpolate(F.avg_pool3d(volumes, 2), size=images.shape[1:], mode="trilinear")
    found: Images = enlarged[:, 0].numpy()
    return found


def blurred(images: Images) -> Images:
    """Blur along all three axes by a Gaussian of :data:`BLUR_VOXELS`."""
    found: Images = ndimage.gaussian_filter(images, (0, *[BLUR_VOXELS] * 3), mode="nearest")
    return found


def _halves(cohorts: Cohorts, vectors: Floats, sampling: Sampling) -> Estimate:
    """KID of random halves of all real patients, mean over the splits."""
    real = vectors[len(cohorts.synthetic) :]
    names = [name for cohort in cohorts.real.values() for name in cohort.patients]
    everyone, patient = np.unique(names, return_inverse=True)
    generator = sampling.generator("kid halves", "real")
    values = np.empty(HALF_SPLITS)
    for number in range(HALF_SPLITS):
        chosen = generator.permutation(len(everyone))[: len(everyone) // 2]
        first = np.isin(patient, chosen)
        halves = [
            kid.WeightedFeatures(real[half], patient[half], np.ones((1, half.sum())))
            for half in (first, ~first)
        ]
        values[number] = kid.mmd2(*halves)[0]
    return Estimate(float(values.mean()), values, int(first.sum()), spread_of(values))
