"""Small generators of 8^3 voxels, and folders of their weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from syda.model.conditions import ConditionSchema
from syda.model.generator import Generator
from syda.sampling import weights
from syda.types import EFFECTIVE_SPACING

CUBE = {"size": 8, "spacing_mm": 1.5, "window_min": -1000, "window_max": 1000}
UNCONDITIONAL = ConditionSchema.fit([], [])
DATA = {"version": "v0", "index_sha256": "a" * 64, "training_cases": 11}


def sizes_of(spacings_mm: Sequence[float]) -> ConditionSchema:
    """Model voxel sizes of training cases."""
    return ConditionSchema.fit([{EFFECTIVE_SPACING: mm} for mm in spacings_mm], [EFFECTIVE_SPACING])


def _generator(
    conditions: ConditionSchema, latent_dim: int, layers: int, *channels: int
) -> Generator:
    torch.manual_seed(0)
    return Generator(
        latent_dim=latent_dim,
        mapping_layers=layers,
        mapping_lr_multiplier=0.1,
        channels=list(channels),
        conditions=conditions.size,
    )


def small_generator(conditions: ConditionSchema) -> Generator:
    """A generator whose volumes differ; the same weights at each call, ready to sample."""
    made = _generator(conditions, 6, 2, 6, 4)
    for block in made.synthesis.blocks:
        torch.nn.init.normal_(block.to_image.weight)
    made.measure_average(torch.zeros(1, conditions.size), torch.Generator().manual_seed(0))
    return made.eval().requires_grad_(False)


def random_generator(conditions: ConditionSchema = UNCONDITIONAL) -> Generator:
    """A smaller one, all of whose weights are random."""
    made = _generator(conditions, 4, 1, 3, 2)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


def release(
    folder: Path,
    generator: Generator,
    conditions: ConditionSchema = UNCONDITIONAL,
    sizes: ConditionSchema | None = None,
    **changes: Any,
) -> Path:
    """Write the weights of a generator into a new folder."""
    folder.mkdir(parents=True)
    described = {
        "architecture": generator.architecture,
        "ct": CUBE,
        "sizes": (sizes or sizes_of([3.0])).to_json(),
        "conditions": conditions.to_json(),
        "data": DATA,
        "images_seen": 8,
    }
    weights.save(folder, generator, weights.GeneratorDescription(**(described | changes)))
    return folder
