"""Extractors that see a volume slice by slice: the cuts, their grey values, the pass over them."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the field's name for it)

from syda.metrics.cohorts import Images, VoxelGrid
from syda.metrics.features import FeatureExtractor, Features
from syda.runtime import progress

WINDOW_HU = (-200, 400)
"""Mapped to [0, 1] and clipped. In the full window organs differ by too little."""

SLICES = 8
"""Slices of each plane, at even distances."""

SMALLEST_SIDE = 96
"""Pixels. Smaller slices are enlarged, since the networks halve their maps five times."""

PLANES = {"axial": -3, "coronal": -2, "sagittal": -1}
"""Plane to the axis of ``[V, D, H, W]`` that it cuts."""

_BATCH = 32


@dataclass(frozen=True)
class SliceCut:
    """One cut through every volume."""

    plane: str
    position: int


class SliceSampler:
    """The cuts through volumes on a grid.

    >>> sampler = SliceSampler(VoxelGrid(16, -1000, 1000))
    >>> [cut.position for cut in sampler.cuts() if cut.plane == "axial"]
    [1, 3, 5, 7, 9, 11, 13, 15]
    >>> sampler.grey(torch.zeros(2, 16, 16, 16), sampler.cuts()[0]).shape
    torch.Size([2, 1, 96, 96])
    """

    def __init__(self, grid: VoxelGrid) -> None:
        self._grid = grid
        self._side = max(SMALLEST_SIDE, grid.size)

    @property
    def definition(self) -> dict[str, Any]:
        """Every choice that the slices depend on."""
        return {
            "grid": self._grid.size,
            "model_window_hu": [self._grid.window_min, self._grid.window_max],
            "window_hu": list(WINDOW_HU),
            "planes": list(PLANES),
            "orientation": "patient right at the left; anterior or superior at the top",
            "slices_each_plane": min(SLICES, self._grid.size),
            "side": self._side,
            "enlargement": "bilinear",
        }

    def cuts(self) -> list[SliceCut]:
        """Return the cuts, plane by plane."""
        count = min(SLICES, self._grid.size)
        positions = [(2 * number + 1) * self._grid.size // (2 * count) for number in range(count)]
        return [SliceCut(plane, position) for plane in PLANES for position in positions]

    def grey(self, volumes: torch.Tensor, cut: SliceCut) -> torch.Tensor:
        """Cut, window, orient for display and enlarge.

        Args:
            volumes: ``[V, D, H, W]`` in the model range.
            cut: plane and position.

        Returns:
            ``[V, 1, side, side]`` in [0, 1].
        """
        low, high = WINDOW_HU
        sliced = volumes.select(PLANES[cut.plane], cut.position).flip(-1, -2)
        hu = (sliced + 1) * self._grid.hu_per_unit + self._grid.window_min
        grey = ((hu - low) / (high - low)).clamp(0, 1)[:, None]
        if self._side != self._grid.size:
            grey = F.interpolate(grey, size=(self._side, self._side), mode="bilinear")
        return grey


class SliceExtractor(FeatureExtractor):
    """A 2D network on slices of three planes.

    A volume's vector is the network's last features, averaged over the positions and slices of a
    plane. The three planes' averages stand one after the other.

    The perceptual distance of two slices is the squared difference of their unit-length channel
    vectors, averaged over positions and layers (LPIPS with all weights equal, as MONAI's
    ``PerceptualLoss`` without learned heads). The distance of two volumes is its mean over the
    slices of three planes, in [0, 4]. Expanding the square, ``|a - b|^2 = |a|^2 + |b|^2 - 2 a.b``,
    gives all pairs from one matrix product a slice.

    Source: R. Zhang et al., "The unreasonable effectiveness of deep features as a perceptual
    metric", CVPR 2018, eq. 1 with w = 1.
    """

    def __init__(
        self, name: str, title: str | None, definition: dict[str, Any], grid: VoxelGrid
    ) -> None:
        super().__init__(name, title, definition)
        self.slices = SliceSampler(grid)

    @abstractmethod
    def maps_and_features(self, grey: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return maps of each compared layer ``[V, C, h, w]``, and last features ``[V, C']``.

        Args:
            grey: ``[V, 1, side, side]`` in [0, 1], a batch.
        """

    def slice_features(
        self, volumes: torch.Tensor, cut: SliceCut
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return unit-length maps and last features of one cut through every volume.

        Args:
            volumes: ``[V, D, H, W]`` in the model range.
            cut: plane and position.
        """
        batches = torch.split(self.slices.grey(volumes, cut), _BATCH)
        maps, last = zip(*map(self.maps_and_features, batches), strict=True)
        layers = [torch.cat(layer) for layer in zip(*maps, strict=True)]
        return [F.normalize(layer, dim=1, eps=1e-10) for layer in layers], torch.cat(last)

    def embed(self, images: Images) -> torch.Tensor:
        """Return vectors whose squared Euclidean distance is the perceptual distance.

        A volume is compared later with others that are no longer there. A vector is long: 6 MB up
        to 96 voxels a side, 11 MB at 128.

        Args:
            images: ``[V, D, H, W]`` in the model range.

        Returns:
            ``[V, slices * channels * positions of all layers]``.
        """
        with torch.inference_mode():
            return torch.stack([self._embed_one(volume) for volume in torch.from_numpy(images)])

    def _embed_one(self, volume: torch.Tensor) -> torch.Tensor:
        cuts = self.slices.cuts()
        maps, _ = self.maps_and_features(
            torch.cat([self.slices.grey(volume[None], cut) for cut in cuts])
        )
        parts = [
            F.normalize(layer, dim=1, eps=1e-10).flatten()
            / (len(cuts) * len(maps) * layer[0, 0].numel()) ** 0.5
            for layer in maps
        ]
        return torch.cat(parts)

    def _run(self, images: Images) -> Features:
        volumes, cuts = torch.from_numpy(images), self.slices.cuts()
        each_plane = len(cuts) // len(PLANES)
        distances = torch.zeros(len(volumes), len(volumes), dtype=torch.float64)
        planes: dict[str, torch.Tensor] = {}
        with torch.inference_mode():
            for cut in progress.track(cuts, len(cuts), "features", "slices"):
                maps, last = self.slice_features(volumes, cut)
                for layer in maps:
                    distances += squared_distances(layer) / (len(cuts) * len(maps))
                share = last.double() / each_plane
                planes[cut.plane] = planes[cut.plane] + share if cut.plane in planes else share
        vectors = torch.cat([planes[plane] for plane in PLANES], dim=1)
        return Features(vectors.numpy(), distances.numpy())


def squared_distances(maps: torch.Tensor) -> torch.Tensor:
    """``[V, C, h, w]`` to ``[V, V]``: mean over positions of the squared distance of vectors.

    >>> squared_distances(torch.eye(2)[:, :, None, None])
    tensor([[0., 2.],
            [2., 0.]], dtype=torch.float64)
    """
    flat = maps.flatten(1)
    products = (flat @ flat.T).double() / maps[0, 0].numel()
    lengths = products.diagonal()
    squared = (lengths[:, None] + lengths[None, :] - products - products.T).clamp(min=0)
    return squared.fill_diagonal_(0)
