"""Feature spaces beside the pinned one: networks of the field whose files the user gives.

KID, the Fréchet ratio, precision, recall, density and coverage are taken in each of them too, under
keys that name the network and a digest of all choices, the file's sha256 among them. The perceptual
distance and the privacy tests stay with the pinned network: the checklist has one column for it,
and MedicalNet's and RadImageNet's figures in the literature are distances of distributions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from syda.metrics import weights
from syda.metrics.cohorts import Floats, Grid, Images
from syda.metrics.feature_space import Features, named
from syda.metrics.perception import Observer, look
from syda.metrics.resnet import ResNet
from syda.metrics.slices import PLANES, Slice, Slices
from syda.metrics.weights import PUBLISHED
from syda.runtime import progress

_BATCH = 32


class Views(Protocol):
    """How a network is shown a volume, and what becomes a vector of it."""

    @property
    def definition(self) -> dict[str, Any]:
        """Every choice but the network's weights."""
        ...

    def vectors(self, images: Images) -> Floats:
        """``[V, D, H, W]`` in the model range to ``[V, d]``."""
        ...


class WholeVolumes:
    """MedicalNet: a volume at once, its voxels brought to mean 0 and deviation 1.

    MedicalNet was trained on voxels normalised over what is not background, which it filled with
    noise; here, as in MONAI's port, it is all voxels and nothing is drawn.
    """

    def __init__(self, network: ResNet, grid: Grid) -> None:
        self._network, self._grid = network, grid

    @property
    def definition(self) -> dict[str, Any]:
        """Every choice but the network's weights."""
        return {
            "grid": self._grid.size,
            "model_window_hu": [self._grid.window_min, self._grid.window_max],
            "orientation": "D, H, W towards superior, anterior, right",
            "intensity": "mean 0 and standard deviation 1 over all voxels of the volume",
            "features": f"{self._network.features} of the last stage, mean over positions",
            "stages": "dilated as MedicalNet trained them, an eighth of the side",
            "dimensions": self._network.features,
        }

    def vectors(self, images: Images) -> Floats:
        """``[V, D, H, W]`` in the model range to ``[V, d]``."""
        found = []
        with torch.inference_mode():
            for image in progress.track(images, len(images), "MedicalNet", "volumes"):
                volume = torch.from_numpy(image)[None, None]
                normal = (volume - volume.mean()) / volume.std().clamp(min=1e-6)
                found.append(self._network(normal).mean(dim=(2, 3, 4))[0])
        return torch.stack(found).double().numpy()


class GreySlices:
    """RadImageNet: the slices that the pinned network sees, grey as its authors scaled it."""

    def __init__(self, network: ResNet, grid: Grid) -> None:
        self._network, self._cuts = network, Slices(grid)

    @property
    def definition(self) -> dict[str, Any]:
        """Every choice but the network's weights."""
        return self._cuts.definition | {
            "intensity": "grey repeated three times, from -1 to 1",
            "features": f"{self._network.features} of the last stage, mean over positions",
            "pooling": "mean over a plane's slices; the three planes one after the other",
            "dimensions": self._network.features * len(PLANES),
        }

    def vectors(self, images: Images) -> Floats:
        """``[V, D, H, W]`` in the model range to ``[V, d]``."""
        return look(self, images).vectors

    def slices(self) -> list[Slice]:
        """Return the cuts, plane by plane."""
        return self._cuts.cuts()

    def features(self, volumes: torch.Tensor, cut: Slice) -> Features:
        """Features of one cut through every volume; no maps are kept."""
        grey = self._cuts.grey(volumes, cut).mul(2).sub(1).expand(-1, 3, -1, -1)
        heads = [self._network(some).mean(dim=(2, 3)) for some in torch.split(grey, _BATCH)]
        return Features([], torch.cat(heads))


_VIEWS: dict[int, Callable[[ResNet, Grid], Views]] = {2: GreySlices, 3: WholeVolumes}


@dataclass(frozen=True)
class Space:
    """Name and definition of a given network's space.

    Attributes:
        network: for people.
        vector_id: the network's name, and 8 hexadecimal digits of the definition's sha256.
        vector_definition: every choice that a vector depends on.
    """

    network: str
    vector_id: str
    vector_definition: dict[str, Any]

    def titled(self, metric: str) -> str:
        """Title of a metric in this space, for people."""
        return f"{metric}, {self.network}"


@dataclass(frozen=True)
class Seen:
    """What a given network makes of V volumes: ``[V, d]`` one vector each."""

    vectors: Floats


class Extractor(Observer[Seen]):
    """A given network.

    Args:
        name: one of :data:`syda.metrics.weights.PUBLISHED`.
        path: the file as it was published.
        sha256: that the file must have.
        grid: of the volumes.

    Raises:
        UsageError: no such file.
        CorruptData: another file than the pinned one, or one that does not hold this network.
    """

    def __init__(self, name: str, path: Path, sha256: str, grid: Grid) -> None:
        network, published = weights.load(name, path, sha256), PUBLISHED[name]
        self._views = _VIEWS[published.shape.dimensions](network, grid)
        definition = {"network": name, "weights_sha256": sha256, **self._views.definition}
        self.space = Space(published.title, named(name, definition), definition)

    def see(self, images: Images) -> Seen:
        """Look at ``[V, D, H, W]`` volumes in the model range."""
        return Seen(self._views.vectors(images))
