"""Files in the layouts of MedicalNet's and RadImageNet's, with seeded weights, and their forward
pass written out.

Source: K. He et al., "Deep residual learning for image recognition", CVPR 2016; S. Chen, K. Ma,
Y. Zheng, arXiv:1904.00625 (MedicalNet's strides and dilations).
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  (the field's name for it)

from syda.metrics.cohorts import VoxelGrid
from syda.metrics.features import FeatureExtractor
from syda.metrics.published import build_network, load_extractor

Weights = Mapping[str, torch.Tensor]

STAGES = {
    "medicalnet": ((1, 1), (2, 1), (1, 2), (1, 4)),
    "radimagenet": ((1, 1), (2, 1), (2, 1), (2, 1)),
}
"""Stride and dilation of each stage."""


def weights(name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """Every weight and statistic of a network from a seed; none leaves features as they are."""
    generator = torch.Generator().manual_seed(seed)
    state = build_network(name).state_dict()
    for key, value in state.items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if key.endswith("running_var"):
            value.copy_(noise.abs() + 0.5)
        elif value.ndim > 1:
            value.copy_(noise * (2 / value[0].numel()) ** 0.5)
        else:
            value.copy_(0.1 * noise + ("weight" in key))
    return dict(state)


def forward(name: str, state: Weights, x: torch.Tensor) -> torch.Tensor:
    """Features ``[B, d]`` of ``[B, C, ...]`` images, layer by layer."""
    conv = F.conv3d if x.ndim == 5 else F.conv2d
    pool = F.max_pool3d if x.ndim == 5 else F.max_pool2d

    def layer(key: str, norm: str, x: torch.Tensor, stride: int, dilation: int) -> torch.Tensor:
        weight = state[f"{key}.weight"]
        padding = dilation * (weight.shape[-1] // 2)
        x = conv(x, weight, stride=stride, padding=padding, dilation=dilation)
        mean, var = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        return F.batch_norm(x, mean, var, state[f"{norm}.weight"], state[f"{norm}.bias"])

    def block(key: str, x: torch.Tensor, stride: int, dilation: int) -> torch.Tensor:
        if f"{key}.conv3.weight" in state:
            y = layer(f"{key}.conv1", f"{key}.bn1", x, 1, 1).relu()
            y = layer(f"{key}.conv2", f"{key}.bn2", y, stride, dilation).relu()
            y = layer(f"{key}.conv3", f"{key}.bn3", y, 1, 1)
        else:
            y = layer(f"{key}.conv1", f"{key}.bn1", x, stride, dilation).relu()
            y = layer(f"{key}.conv2", f"{key}.bn2", y, 1, dilation)
        if f"{key}.downsample.0.weight" in state:
            x = layer(f"{key}.downsample.0", f"{key}.downsample.1", x, stride, 1)
        elif x.shape != y.shape:  # a shortcut without weights: cut, and padded with zero channels
            for axis in range(2, x.ndim):
                x = x.index_select(axis, torch.arange(0, x.shape[axis], stride))
            x = torch.cat([x, x.new_zeros(len(x), y.shape[1] - x.shape[1], *x.shape[2:])], dim=1)
        return (x + y).relu()

    x = pool(layer("conv1", "bn1", x, 2, 1).relu(), 3, 2, 1)
    for number, (stride, dilation) in enumerate(STAGES[name.split("-", maxsplit=1)[0]], start=1):
        count = len({key.split(".")[1] for key in state if key.startswith(f"layer{number}.")})
        for index in range(count):
            x = block(f"layer{number}.{index}", x, 1 if index else stride, dilation)
    return x.flatten(2).mean(dim=2)


_STEPS = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}


def save(name: str, state: Weights, path: Path) -> None:
    """Write a file as the network's authors published theirs."""
    if name.startswith("medicalnet"):
        torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
        return
    renamed = {}
    for key, value in state.items():
        first, rest = key.split(".", 1)
        renamed[f"backbone.{_STEPS[first]}.{rest}"] = value
    torch.save(renamed, path)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(name: str, path: Path, grid: VoxelGrid) -> FeatureExtractor:
    """Load a file by its own digest."""
    return load_extractor(name, path, sha256(path), grid)
