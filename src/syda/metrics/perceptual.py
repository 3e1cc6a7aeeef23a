"""Perceptual distance: how differently a network trained to see sees two volumes.

The distance of two slices is the squared difference of their unit-length channel vectors, averaged
over positions and taps (LPIPS with all weights equal, as MONAI's ``PerceptualLoss`` without learned
heads); the distance of two volumes is its mean over the slices of three planes. Expanding the
square, ``|a - b|^2 = |a|^2 + |b|^2 - 2 a.b``, gives the distances of all pairs from one matrix
product a slice, so that no pair is left out.
"""

import numpy as np
import torch

from syda.metrics.cohorts import Cohorts, Floats, Grid, Images, Sampling
from syda.metrics.estimate import Figure, mean_over_pairs, pairs_between, pairs_within
from syda.metrics.feature_space import FeatureSpace
from syda.metrics.metric import About
from syda.runtime import progress


def distances(space: FeatureSpace, images: Images) -> Floats:
    """Perceptual distance of every two volumes.

    Source: R. Zhang et al., "The unreasonable effectiveness of deep features as a perceptual
    metric", CVPR 2018, eq. 1 with w = 1.

    Args:
        space: whose features are compared.
        images: ``[V, D, H, W]`` in the model range.

    Returns:
        ``[V, V]``, symmetric, zero on the diagonal, each in [0, 4].
    """
    volumes = torch.from_numpy(images)
    cuts = space.slices()
    total = torch.zeros(len(volumes), len(volumes), dtype=torch.float64)
    with torch.inference_mode():
        for cut in progress.track(cuts, len(cuts), "perceptual", "slices"):
            taps = space.features(volumes, cut)
            for maps in taps:
                total += _squared_distances(maps) / (len(cuts) * len(taps))
    return total.numpy()


def _squared_distances(maps: torch.Tensor) -> torch.Tensor:
    """``[V, C, h, w]`` to ``[V, V]``: mean over positions of the squared distance of vectors."""
    flat = maps.flatten(1)
    products = (flat @ flat.T).double() / maps[0, 0].numel()
    lengths = products.diagonal()
    squared = (lengths[:, None] + lengths[None, :] - products - products.T).clamp(min=0)
    return squared.fill_diagonal_(0)


class PerceptualDistance:
    """Mean perceptual distance of synthetic to real volumes beside that of real to real ones.

    A good generator's volumes are as far from real ones as those are from each other: further away
    means artefacts or missing structure, nearer means blurred or averaged volumes.
    """

    def __init__(self, grid: Grid) -> None:
        self._space = FeatureSpace(grid)

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        return About(
            key=f"perceptual_{self._space.id}",
            title="Perceptual distance",
            unit="1",
            aim="match",
            source="Zhang et al., CVPR 2018, eq. 1 with w = 1",
            protocol=self._space.definition
            | {"pairs": "every synthetic-real beside every real-real of different patients"},
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; see :class:`syda.metrics.metric.Metric`."""
        members = cohorts.all()
        matrix = distances(self._space, np.concatenate([cohort.images for cohort in members]))
        starts = np.cumsum([0, *map(len, members)])
        rows = {c.label: slice(a, b) for c, a, b in zip(members, starts, starts[1:], strict=False)}
        synthetic = cohorts.synthetic
        figures = {}
        for split, cohort in cohorts.real.items():
            across, within = pairs_between(synthetic, cohort), pairs_within(cohort)
            to_real = matrix[rows[synthetic.label], rows[split]][across.first, across.second]
            real = matrix[rows[split], rows[split]][within.first, within.second]
            figures[split] = Figure(
                mean_over_pairs(to_real, across, (synthetic, cohort), sampling),
                mean_over_pairs(real, within, (cohort, cohort), sampling),
            )
        return figures
