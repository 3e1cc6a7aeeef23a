"""Weights that the user gives by path and sha256, and the networks that they belong to.

Nothing is downloaded and nothing takes the place of a file that is not there: a figure of another
network is another figure.
"""

import hashlib
import io
import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from syda.errors import CorruptData, UsageError
from syda.metrics.resnet import ResNet, Shape

Names = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Published:
    """A network as its authors published it.

    Attributes:
        title: for people.
        shape: of the network.
        state: from what the file holds to weights by the names of :class:`ResNet`.
    """

    title: str
    shape: Shape
    state: Names


def _medicalnet_state(content: Any) -> dict[str, Any]:
    """MedicalNet's: under ``state_dict``, names as ``torch.nn.DataParallel`` makes them."""
    return {name.removeprefix("module."): value for name, value in content["state_dict"].items()}


_STEPS = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}


def _radimagenet_state(content: Any) -> dict[str, Any]:
    """RadImageNet's: ``backbone``, a sequence of the first nine parts of torchvision's ResNet."""
    found = {}
    for name, value in content.items():
        backbone, step, rest = (*name.split(".", 2), "", "")[:3]
        known = backbone == "backbone" and step in _STEPS
        found[f"{_STEPS[step]}.{rest}" if known else name] = value
    return found


def _medicalnet(depth: int, **of_depth: Any) -> Published:
    shape = Shape(3, 1, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), **of_depth)
    return Published(f"MedicalNet ResNet-{depth}", shape, _medicalnet_state)


PUBLISHED: Mapping[str, Published] = {
    "medicalnet-resnet10": _medicalnet(10, bottleneck=False, projected=True, blocks=(1, 1, 1, 1)),
    "medicalnet-resnet18": _medicalnet(18, bottleneck=False, projected=False, blocks=(2, 2, 2, 2)),
    "medicalnet-resnet50": _medicalnet(50, bottleneck=True, projected=True, blocks=(3, 4, 6, 3)),
    "radimagenet-resnet50": Published(
        "RadImageNet ResNet-50",
        Shape(
            2, 3, bottleneck=True, projected=True,
            blocks=(3, 4, 6, 3), strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1),
        ),
        _radimagenet_state,
    ),
}  # fmt: skip
"""The networks that there are, by their names in ``params.yaml``."""


def load(name: str, path: Path, sha256: str) -> ResNet:
    """Build a network and give it the weights of a file.

    Args:
        name: one of :data:`PUBLISHED`.
        path: the file as it was published.
        sha256: that the file must have, 64 hexadecimal digits.

    Raises:
        UsageError: no such file.
        CorruptData: another file than the pinned one, or one that does not hold this network.
    """
    published, entry = PUBLISHED[name], f"evaluate.extractors.{name}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{entry}: {path} cannot be read ({error.strerror}): put the file of "
            f"{published.title} there or take the entry out; nothing is used in its place"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise CorruptData(
            f"{entry}: {path} has sha256 {found}, params.yaml pins {sha256}: "
            "get the pinned file again, or pin this one, whose figures get keys of their own"
        )
    network = ResNet(published.shape)
    _fill(network, _state(content, published, f"{entry}: {path}"), f"{entry}: {path}")
    return network.eval().requires_grad_(requires_grad=False)


def _state(content: bytes, published: Published, where: str) -> dict[str, Any]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of a pickle that is refused all the same
            loaded = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError) as error:
        raise CorruptData(
            f"{where}: no file of tensors alone ({type(error).__name__}), and what else such a "
            "file holds is never run: get the file as its authors published it"
        ) from error
    layout = f"{where}: not laid out as {published.title} was published: "
    remedy = "get the file as its authors published it"
    if not isinstance(loaded, dict):
        raise CorruptData(f"{layout}no table of weights: {remedy}")
    try:
        return published.state(loaded)
    except (AttributeError, KeyError) as error:
        raise CorruptData(f"{layout}{error}: {remedy}") from error


def _fill(network: ResNet, state: dict[str, Any], where: str) -> None:
    expected = network.state_dict()
    faults = {
        "lacks": sorted(expected.keys() - state.keys() - _counters(expected)),
        "has besides": sorted(state.keys() - expected.keys()),
        "has of another shape": [
            name
            for name, value in state.items()
            if name in expected and getattr(value, "shape", None) != expected[name].shape
        ],
    }
    told = [f"{what} {', '.join(names[:2])}" for what, names in faults.items() if names]
    counts = sum(map(len, faults.values()))
    if told:
        raise CorruptData(
            f"{where}: not the weights of this network: {'; '.join(told)} ({counts} in all): "
            "get the file as its authors published it, or name the network that it is of"
        )
    network.load_state_dict({**{name: expected[name] for name in _counters(expected)}, **state})


def _counters(state: Mapping[str, Any]) -> set[str]:
    """Counts of batches, which files of old PyTorch lack and nothing here reads."""
    return {name for name in state if name.endswith("num_batches_tracked")}
