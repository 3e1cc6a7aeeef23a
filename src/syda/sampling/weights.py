"""Files of a trained generator: weights as safetensors, and a JSON that describes them.

The folder also holds the encoder that was fitted on volumes of the generator. Safetensors hold no
code: loading weights of unknown origin runs nothing.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import nn

from syda import paths
from syda.errors import CorruptData
from syda.model.conditions import ConditionSchema
from syda.model.encoder import Encoder
from syda.model.generator import ARCHITECTURE_VERSION, Generator
from syda.runtime.digest import sha256_of_file
from syda.runtime.outputs import write_bytes, write_json


@dataclass(frozen=True)
class GeneratorDescription:
    """The content of ``generator.json``.

    Attributes:
        architecture: keyword arguments of :class:`~syda.model.generator.Generator`.
        ct: ``size``, ``spacing_mm``, ``window_min``, ``window_max`` of the model space.
        sizes: sizes of the training cases (:meth:`~syda.volume.model_space.ModelSpace.sizes_of`,
            :mod:`syda.model.conditions`).
        conditions: the generator's conditions (:mod:`syda.model.conditions`).
        data: ``version``, ``index_sha256`` and ``training_cases`` of the records.
        images_seen: number of real images shown in training.
        precision: of the feature maps in training; empty if unknown.
        encoder: ``architecture``, keyword arguments of :class:`~syda.model.encoder.Encoder`;
            ``images``, the number of generated images it was fitted on; ``residual_variance``, the
            share of the variance of styles that it does not explain. Empty without an encoder.
        body_part: Body Part Examined of all training cases, or None if they have none or several.
        network: architecture version of the weights, written by :func:`save`
            (:data:`~syda.model.generator.ARCHITECTURE_VERSION`); 1 stands for all before 2.
    """

    architecture: dict[str, Any]
    ct: dict[str, Any]
    sizes: dict[str, Any]
    conditions: dict[str, Any]
    data: dict[str, Any]
    images_seen: int
    precision: str = ""
    encoder: dict[str, Any] = field(default_factory=dict)
    body_part: str | None = None
    network: int = 1


def save(folder: Path, generator: Generator, description: GeneratorDescription) -> None:
    """Write weights and description into an existing folder."""
    write_bytes(folder / paths.GENERATOR_WEIGHTS, _bytes(generator))
    stamped = dataclasses.replace(description, network=ARCHITECTURE_VERSION)
    write_json(folder / paths.GENERATOR_DESCRIPTION, dataclasses.asdict(stamped))


def save_encoder(folder: Path, encoder: Encoder) -> None:
    """Write the encoder into the same folder."""
    write_bytes(folder / paths.ENCODER_WEIGHTS, _bytes(encoder))


def _bytes(network: nn.Module) -> bytes:
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    return serialize(state)


def load(folder: Path) -> tuple[Generator, GeneratorDescription]:
    """Rebuild a generator, ready to sample on the CPU.

    Raises:
        CorruptData: a file is missing or broken, the two do not belong together, or the weights
            have another architecture version.
    """
    try:
        text = (folder / paths.GENERATOR_DESCRIPTION).read_text(encoding="utf-8")
        description = GeneratorDescription(**json.loads(text))
    except (OSError, ValueError, TypeError) as error:
        raise CorruptData(_unreadable(folder, error)) from error
    if description.network != ARCHITECTURE_VERSION:
        raise CorruptData(
            f"{folder.name}: weights of architecture version {description.network}, and this SYDA "
            f"has version {ARCHITECTURE_VERSION}: check out the commit or tag that they are from, "
            "or train again"
        )
    try:
        with torch.device("meta"):
            generator = Generator(**description.architecture)
        conditions = ConditionSchema.from_json(description.conditions)
        ConditionSchema.from_json(description.sizes)
        state = load_file(folder / paths.GENERATOR_WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
        raise CorruptData(_unreadable(folder, error)) from error
    try:
        generator.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:  # a line for each of its tensors
        raise CorruptData(
            f"{folder.name}: {paths.GENERATOR_WEIGHTS} is not of the architecture in "
            f"{paths.GENERATOR_DESCRIPTION}: put the two of one training there, or train again"
        ) from error
    if conditions.size != description.architecture["conditions"]:
        raise CorruptData(
            f"{folder.name}: {paths.GENERATOR_DESCRIPTION} has other conditions than the weights"
        )
    return generator.eval().requires_grad_(False), description


def _unreadable(folder: Path, error: Exception) -> str:
    reason = " ".join(str(error).split())
    return f"{folder.name}: not a readable generator ({reason})"


def load_encoder(folder: Path, description: GeneratorDescription) -> Encoder:
    """Rebuild the encoder of a generator, on the CPU.

    Raises:
        CorruptData: there is none, it is broken, or it does not match its description.
    """
    if not description.encoder:
        raise CorruptData(
            f"{folder.name}: has no encoder, and a projection starts from it: train again"
        )
    try:
        encoder = Encoder(**description.encoder["architecture"])
        encoder.load_state_dict(load_file(folder / paths.ENCODER_WEIGHTS), strict=True)
    except (OSError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise CorruptData(
            f"{folder.name}: {paths.ENCODER_WEIGHTS} is not the encoder of "
            f"{paths.GENERATOR_DESCRIPTION} ({reason}): put the files of one training there, or "
            "train again"
        ) from error
    return encoder.eval()


def digest(folder: Path) -> str:
    """sha256 of the weights file, hexadecimal."""
    return sha256_of_file(folder / paths.GENERATOR_WEIGHTS)
