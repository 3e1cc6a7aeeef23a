"""What the network makes of all volumes, in one pass that every metric of its features shares.

The network is what such a metric costs, so the volumes are looked at once: while a slice's maps are
at hand they give the perceptual distances of all pairs, and its last features go into the vectors.
"""

from dataclasses import dataclass

import numpy as np
import torch

from syda.metrics.cohorts import Cohorts, Floats, Grid, Images
from syda.metrics.feature_space import PLANES, FeatureSpace
from syda.runtime import progress


@dataclass(frozen=True)
class Impression:
    """What was seen of V volumes.

    Attributes:
        distances: ``[V, V]`` perceptual distance of every two, see :func:`look`.
        vectors: ``[V, 3 x 1280]`` one feature vector a volume, see :func:`look`.
    """

    distances: Floats
    vectors: Floats


def look(space: FeatureSpace, images: Images) -> Impression:
    """Pass every slice of every volume through the network.

    The perceptual distance of two slices is the squared difference of their unit-length channel
    vectors, averaged over positions and taps (LPIPS with all weights equal, as MONAI's
    ``PerceptualLoss`` without learned heads); that of two volumes is its mean over the slices of
    three planes. Expanding the square, ``|a - b|^2 = |a|^2 + |b|^2 - 2 a.b``, gives the distances
    of all pairs from one matrix product a slice, so that no pair is left out.

    A volume's vector is the network's last features (the classifier's input), averaged over the
    positions and slices of a plane; the planes' averages stand one after the other.

    Source: R. Zhang et al., "The unreasonable effectiveness of deep features as a perceptual
    metric", CVPR 2018, eq. 1 with w = 1.

    Args:
        space: whose features are taken.
        images: ``[V, D, H, W]`` in the model range.

    Returns:
        Distances, symmetric, zero on the diagonal, each in [0, 4]; and vectors.
    """
    volumes = torch.from_numpy(images)
    cuts = space.slices()
    of_plane = [cut.plane for cut in cuts].count
    distances = torch.zeros(len(volumes), len(volumes), dtype=torch.float64)
    heads: dict[str, torch.Tensor] = {}
    with torch.inference_mode():
        for cut in progress.track(cuts, len(cuts), "features", "slices"):
            features = space.features(volumes, cut)
            for maps in features.taps:
                distances += _squared_distances(maps) / (len(cuts) * len(features.taps))
            share = features.head.double() / of_plane(cut.plane)
            heads[cut.plane] = heads[cut.plane] + share if cut.plane in heads else share
    vectors = torch.cat([heads[plane] for plane in PLANES], dim=1)
    return Impression(distances.numpy(), vectors.numpy())


def _squared_distances(maps: torch.Tensor) -> torch.Tensor:
    """``[V, C, h, w]`` to ``[V, V]``: mean over positions of the squared distance of vectors."""
    flat = maps.flatten(1)
    products = (flat @ flat.T).double() / maps[0, 0].numel()
    lengths = products.diagonal()
    squared = (lengths[:, None] + lengths[None, :] - products - products.T).clamp(min=0)
    return squared.fill_diagonal_(0)


class Perception:
    """The network before the volumes of an evaluation.

    Raises:
        CorruptData: the installed weights are not the pinned ones.
    """

    def __init__(self, grid: Grid) -> None:
        self.space = FeatureSpace(grid)
        self._latest: tuple[Cohorts, Impression] | None = None

    def of(self, cohorts: Cohorts) -> Impression:
        """Look at all volumes, in the order of :meth:`rows`; at the same cohorts only once."""
        if self._latest is None or self._latest[0] is not cohorts:
            images = np.concatenate([cohort.images for cohort in cohorts.all()])
            self._latest = cohorts, look(self.space, images)
        return self._latest[1]

    @staticmethod
    def rows(cohorts: Cohorts) -> dict[str, slice]:
        """Where each cohort's volumes stand in an impression, by label."""
        members = cohorts.all()
        starts = np.cumsum([0, *map(len, members)]).tolist()
        return {c.label: slice(a, b) for c, a, b in zip(members, starts, starts[1:], strict=False)}
