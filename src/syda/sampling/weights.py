"""The files of a released generator: weights as safetensors, and what rebuilds and explains them.

Beside the generator lies the encoder that was trained on what it draws, for projections.

Safetensors hold no code, so that loading weights of unknown origin runs nothing; their bytes are
stable.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import nn

from syda.errors import CorruptData
from syda.model.conditions import Conditions
from syda.model.encoder import Encoder
from syda.model.generator import NETWORK, Generator
from syda.runtime.outputs import write_bytes, write_json

WEIGHTS = "generator.safetensors"
ENCODER = "encoder.safetensors"
DESCRIPTION = "generator.json"


@dataclass(frozen=True)
class Description:
    """What ``generator.json`` says.

    Attributes:
        architecture: keyword arguments of :class:`~syda.model.generator.Generator`.
        ct: ``size``, ``spacing_mm``, ``window_min``, ``window_max`` of the model space.
        sizes: of the training cases' model voxels, as statistics.
        conditions: the properties that it is given (:mod:`syda.model.conditions`), as statistics.
        data: ``version``, ``index_sha256`` and ``training_cases`` of the records.
        images_seen: images that the training showed.
        precision: of the feature maps in it; empty where it is not known.
        encoder: ``architecture``, keyword arguments of :class:`~syda.model.encoder.Encoder`,
            ``images`` drawn to train it, and ``unexplained``, the share of the variance of styles
            that it misses on further ones. Empty where there is none.
        network: that the weights were trained in (:data:`~syda.model.generator.NETWORK`), written
            by :func:`save`; 1 stands for all before 2.
    """

    architecture: dict[str, Any]
    ct: dict[str, Any]
    sizes: dict[str, Any]
    conditions: dict[str, Any]
    data: dict[str, Any]
    images_seen: int
    precision: str = ""
    encoder: dict[str, Any] = field(default_factory=dict)
    network: int = 1


def save(folder: Path, generator: Generator, description: Description) -> None:
    """Write weights and description into an existing folder."""
    write_bytes(folder / WEIGHTS, _bytes(generator))
    stamped = dataclasses.replace(description, network=NETWORK)
    write_json(folder / DESCRIPTION, dataclasses.asdict(stamped))


def save_encoder(folder: Path, encoder: Encoder) -> None:
    """Write the encoder beside them; the description says what it is."""
    write_bytes(folder / ENCODER, _bytes(encoder))


def _bytes(network: nn.Module) -> bytes:
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    return serialize(state)


def load(folder: Path) -> tuple[Generator, Description]:
    """Rebuild a generator, ready to sample on the CPU.

    Raises:
        CorruptData: a file is missing or broken, the two do not belong together, or the weights
            are of a version whose network drew otherwise.
    """
    try:
        text = (folder / DESCRIPTION).read_text(encoding="utf-8")
        description = Description(**json.loads(text))
    except (OSError, ValueError, TypeError) as error:
        raise CorruptData(_unreadable(folder, error)) from error
    if description.network != NETWORK:
        raise CorruptData(
            f"{folder.name}: weights of network {description.network}, and this version of SYDA "
            f"has network {NETWORK}, which draws otherwise: check out the commit or tag that they "
            "are from, or train again"
        )
    try:
        with torch.device("meta"):
            generator = Generator(**description.architecture)
        known = Conditions.from_json(description.conditions)
        Conditions.from_json(description.sizes)
        state = load_file(folder / WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
        raise CorruptData(_unreadable(folder, error)) from error
    try:
        generator.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:  # a line for each of its tensors
        raise CorruptData(
            f"{folder.name}: {WEIGHTS} is not of the architecture in {DESCRIPTION}: put the two "
            "of one training there, or train again"
        ) from error
    if known.size != description.architecture["conditions"]:
        raise CorruptData(
            f"{folder.name}: {DESCRIPTION} names other properties than the weights have"
        )
    return generator.eval().requires_grad_(False), description


def _unreadable(folder: Path, error: Exception) -> str:
    reason = " ".join(str(error).split())
    return f"{folder.name}: not a readable generator ({reason})"


def load_encoder(folder: Path, description: Description) -> Encoder:
    """Rebuild the encoder that lies beside a generator, on the CPU.

    Raises:
        CorruptData: there is none, it is broken, or it is not the one described.
    """
    if not description.encoder:
        raise CorruptData(
            f"{folder.name}: has no encoder, which a projection starts from: train again"
        )
    try:
        encoder = Encoder(**description.encoder["architecture"])
        encoder.load_state_dict(load_file(folder / ENCODER), strict=True)
    except (OSError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise CorruptData(
            f"{folder.name}: {ENCODER} is not the encoder of {DESCRIPTION} ({reason}): put the "
            "files of one training there, or train again"
        ) from error
    return encoder.eval()


def digest(folder: Path) -> str:
    """sha256 of the weights file, hexadecimal."""
    with (folder / WEIGHTS).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
