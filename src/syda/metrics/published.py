"""MedicalNet and RadImageNet: feature networks whose files the user gives by path and sha256.

KID, the Fréchet ratio, precision, recall, density and coverage are measured with each of them too.
Their keys name the network and a digest of all choices, the file's sha256 among them. The networks
are MONAI's. Nothing is downloaded, and nothing takes the place of a missing file.

Source: S. Chen, K. Ma, Y. Zheng, "Med3D: transfer learning for 3D medical image analysis",
arXiv:1904.00625; X. Mei et al., "RadImageNet", Radiology: AI 4(5), 2022.
"""

import io
import pickle
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from syda.errors import CorruptData, UsageError
from syda.metrics.cohorts import Images, VoxelGrid
from syda.metrics.features import FeatureExtractor, Features
from syda.metrics.slices import PLANES, SliceExtractor, SliceSampler
from syda.runtime import progress
from syda.runtime.digest import sha256_of

PUBLISHED = {
    "medicalnet-resnet10": "MedicalNet ResNet-10",
    "medicalnet-resnet18": "MedicalNet ResNet-18",
    "medicalnet-resnet50": "MedicalNet ResNet-50",
    "radimagenet-resnet50": "RadImageNet ResNet-50",
}
"""Names in ``params.yaml``, and titles."""

_FEATURES = {"resnet10": 512, "resnet18": 512, "resnet50": 2048}
_REMEDY = "get the file as its authors published it"


class MedicalNetFeatures(FeatureExtractor):
    """A 3D network on whole volumes, each brought to mean 0 and standard deviation 1.

    MedicalNet was trained on voxels normalised over the foreground, with noise as background. Here,
    as in MONAI's port, all voxels are normalised and nothing is random.
    """

    def __init__(self, name: str, network: nn.Module, sha256: str, grid: VoxelGrid) -> None:
        features = _FEATURES[name.split("-")[1]]
        definition = {
            "network": name,
            "weights_sha256": sha256,
            "grid": grid.size,
            "model_window_hu": [grid.window_min, grid.window_max],
            "orientation": "D, H, W towards superior, anterior, right",
            "intensity": "mean 0 and standard deviation 1 over all voxels of the volume",
            "features": f"{features} of the last stage, mean over positions",
            "stages": "dilated as MedicalNet trained them, an eighth of the side",
            "dimensions": features,
        }
        super().__init__(name, PUBLISHED[name], definition)
        self._network = network

    def _run(self, images: Images) -> Features:
        found = []
        with torch.inference_mode():
            for image in progress.track(images, len(images), "MedicalNet", "volumes"):
                volume = torch.from_numpy(image)[None, None]
                normal = (volume - volume.mean()) / volume.std().clamp(min=1e-6)
                found.append(self._network(normal)[0])
        return Features(torch.stack(found).double().numpy())


class RadImageNetFeatures(SliceExtractor):
    """A 2D network on the same slices as EfficientNet, grey as RadImageNet's authors scaled it."""

    def __init__(self, name: str, network: nn.Module, sha256: str, grid: VoxelGrid) -> None:
        features = _FEATURES[name.split("-")[1]]
        definition = {
            "network": name,
            "weights_sha256": sha256,
            **SliceSampler(grid).definition,
            "intensity": "grey repeated three times, from -1 to 1",
            "features": f"{features} of the last stage, mean over positions",
            "pooling": "mean over a plane's slices; the three planes one after the other",
            "dimensions": features * len(PLANES),
        }
        super().__init__(name, PUBLISHED[name], definition, grid)
        self._network = network

    def maps_and_features(self, grey: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return no maps, and the last features."""
        return [], self._network(grey.mul(2).sub(1).expand(-1, 3, -1, -1))


def load_extractor(name: str, path: Path, sha256: str, grid: VoxelGrid) -> FeatureExtractor:
    """Build a network and load its weights from a file.

    Args:
        name: one of :data:`PUBLISHED`.
        path: the file as it was published.
        sha256: of the file, 64 hexadecimal digits.
        grid: of the volumes.

    Raises:
        UsageError: no such file.
        CorruptData: another file than the pinned one, or one of another network.
    """
    entry = f"evaluate.extractors.{name}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{entry}: {path} cannot be read ({error.strerror}): put the file of "
            f"{PUBLISHED[name]} there or take the entry out; nothing is used in its place"
        ) from error
    found = sha256_of(content)
    if found != sha256:
        raise CorruptData(
            f"{entry}: {path} has sha256 {found}, params.yaml pins {sha256}: "
            "get the pinned file again, or put this file's sha256 into params.yaml; its "
            "metrics then get new keys"
        )
    network = build_network(name)
    _fill(network, _state(content, name, f"{entry}: {path}"), f"{entry}: {path}")
    network = network.eval().requires_grad_(requires_grad=False)
    extractor = RadImageNetFeatures if name.startswith("radimagenet") else MedicalNetFeatures
    return extractor(name, network, sha256, grid)


def build_network(name: str) -> nn.Module:
    """Return MONAI's network without weights: ``[B, C, ...]`` to features ``[B, d]``.

    MedicalNet's last two stages have stride 1 and dilations 2 and 4, which MONAI's do not.
    """
    from monai.networks.nets import resnet  # noqa: PLC0415  (only these extractors need it)

    family, depth = name.split("-")
    is_medicalnet = family == "medicalnet"
    network: nn.Module = getattr(resnet, depth)(
        spatial_dims=3 if is_medicalnet else 2,
        n_input_channels=1 if is_medicalnet else 3,
        conv1_t_stride=2,
        feed_forward=False,
        shortcut_type="A" if depth == "resnet18" else "B",
        bias_downsample=False,
    )
    if is_medicalnet:
        _dilate(network.get_submodule("layer3"), 2)
        _dilate(network.get_submodule("layer4"), 4)
    return network


def _dilate(stage: nn.Module, dilation: int) -> None:
    for part in stage.modules():
        if isinstance(part, nn.Conv3d):
            part.stride = (1, 1, 1)
            if part.kernel_size == (3, 3, 3):
                part.padding = part.dilation = (dilation,) * 3
    first: Any = stage.get_submodule("0")
    if isinstance(first.downsample, partial):  # a shortcut without weights
        first.downsample = partial(first.downsample, stride=1)


_STEPS = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}


def _by_monais_names(name: str, content: Any) -> dict[str, Any]:
    """Rename a published file's weights.

    MedicalNet's are under ``state_dict``, with names of ``torch.nn.DataParallel``. RadImageNet's
    ``backbone`` is a sequence of the first parts of torchvision's ResNet.
    """
    if name.startswith("medicalnet"):
        return {key.removeprefix("module."): value for key, value in content["state_dict"].items()}
    found = {}
    for key, value in content.items():
        backbone, step, rest = (*key.split(".", 2), "", "")[:3]
        has_name = backbone == "backbone" and step in _STEPS
        found[f"{_STEPS[step]}.{rest}" if has_name else key] = value
    return found


def _state(content: bytes, name: str, where: str) -> dict[str, Any]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of a pickle that is refused all the same
            loaded = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError) as error:
        raise CorruptData(
            f"{where}: not a file of tensors alone ({type(error).__name__}), and other contents "
            f"are never run: {_REMEDY}"
        ) from error
    layout = f"{where}: not laid out as {PUBLISHED[name]} was published: "
    if not isinstance(loaded, dict):
        raise CorruptData(f"{layout}no table of weights: {_REMEDY}")
    try:
        return _by_monais_names(name, loaded)
    except (AttributeError, KeyError) as error:
        raise CorruptData(f"{layout}{error}: {_REMEDY}") from error


def _fill(network: nn.Module, state: dict[str, Any], where: str) -> None:
    expected = network.state_dict()
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    faults = {
        "lacks": sorted(expected.keys() - state.keys() - counters),
        "has besides": sorted(state.keys() - expected.keys()),
        "has of another shape": [
            name
            for name, value in state.items()
            if name in expected and getattr(value, "shape", None) != expected[name].shape
        ],
    }
    found = [f"{what} {', '.join(names[:2])}" for what, names in faults.items() if names]
    if found:
        raise CorruptData(
            f"{where}: not the weights of this network: {'; '.join(found)} "
            f"({sum(map(len, faults.values()))} in all): {_REMEDY}, or name the network that it "
            "is of"
        )
    missing: Mapping[str, Any] = {name: expected[name] for name in counters}  # in old files
    network.load_state_dict({**missing, **state})
