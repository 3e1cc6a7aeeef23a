"""What the network makes of all volumes, in one pass that every metric of its features shares.

The network is what such a metric costs, so the volumes are looked at once: while a slice's maps are
at hand they give the perceptual distances of all pairs, and its last features go into the vectors.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch

from syda.metrics.cohorts import Cohorts, Floats, Grid, Images
from syda.metrics.feature_space import Features, FeatureSpace
from syda.metrics.slices import PLANES, Slice
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


class Vectors(Protocol):
    """What any network makes of V volumes."""

    @property
    def vectors(self) -> Floats:
        """``[V, d]`` one feature vector a volume."""
        ...


class Slicewise(Protocol):
    """A network that sees volumes slice by slice."""

    def slices(self) -> list[Slice]:
        """Return the cuts, plane by plane."""
        ...

    def features(self, volumes: torch.Tensor, cut: Slice) -> Features:
        """Features of one cut through every one of ``[V, D, H, W]`` volumes."""
        ...


def look(space: Slicewise, images: Images) -> Impression:
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


class VectorSpace(Protocol):
    """The space that vectors of volumes lie in."""

    @property
    def vector_id(self) -> str:
        """The network's name, and 8 hexadecimal digits of the definition's sha256."""
        ...

    @property
    def vector_definition(self) -> dict[str, Any]:
        """Every choice that a vector depends on."""
        ...

    def titled(self, metric: str) -> str:
        """Title of a metric in this space, for people."""
        ...


SeenT_co = TypeVar("SeenT_co", bound=Vectors, covariant=True)


class Observer(ABC, Generic[SeenT_co]):
    """A network before the volumes of an evaluation.

    Attributes:
        space: where its vectors lie.
    """

    space: VectorSpace
    _latest: tuple[Cohorts, SeenT_co] | None = None

    @abstractmethod
    def see(self, images: Images) -> SeenT_co:
        """Look at ``[V, D, H, W]`` volumes in the model range."""

    def of(self, cohorts: Cohorts) -> SeenT_co:
        """Look at all volumes, in the order of :meth:`rows`; at the same cohorts only once."""
        if self._latest is None or self._latest[0] is not cohorts:
            images = np.concatenate([cohort.images for cohort in cohorts.all()])
            self._latest = cohorts, self.see(images)
        return self._latest[1]

    @staticmethod
    def rows(cohorts: Cohorts) -> dict[str, slice]:
        """Where each cohort's volumes stand in what was seen, by label."""
        members = cohorts.all()
        starts = np.cumsum([0, *map(len, members)]).tolist()
        return {c.label: slice(a, b) for c, a, b in zip(members, starts, starts[1:], strict=False)}


class Perception(Observer[Impression]):
    """The pinned network, which every evaluation has.

    Raises:
        CorruptData: the installed weights are not the pinned ones.
    """

    space: FeatureSpace

    def __init__(self, grid: Grid) -> None:
        self.space = FeatureSpace(grid)

    def see(self, images: Images) -> Impression:
        """Look at ``[V, D, H, W]`` volumes in the model range."""
        return look(self.space, images)
