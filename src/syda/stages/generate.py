"""Stage ``generate``: seeds to synthetic volumes as NIfTI in HU."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from tqdm import tqdm

from syda import paths
from syda.model.conditions import Conditions
from syda.params import Precision, Section, load
from syda.runtime import progress, stage
from syda.runtime.outputs import replace_folder, write_json
from syda.sampling import asked, weights
from syda.sampling.sampler import Sample, Sampler
from syda.types import Volume
from syda.volume import nifti, properties
from syda.volume.model_space import ModelSpace

MARK = "SYNTHETIC, NOT FOR DIAGNOSIS"
"""In the header of every file."""

PHYSICAL = "physical"
"""Folder, below that of the volumes, of the exports at true spacing."""


class Params(Section):
    """Section ``generate``."""

    seed: int = Field(ge=0)
    """Of the first volume; the next ones count up."""
    count: int = Field(ge=1, le=1_000_000)
    """Volumes."""
    truncation: float = Field(ge=0, le=1)
    """1 for the full variety, towards 0 for more average volumes."""
    precision: Precision
    """Of the feature maps."""
    properties: dict[str, str | float | Annotated[list[float], Field(min_length=2, max_length=2)]]
    """What is asked for, by name: a value, or a range from which each volume draws its own."""
    export: int = Field(ge=1)
    """How many of them, from the first on, are also exported at ``ct.spacing_mm``."""


def run(root: Path) -> None:
    """Write ``data/synthetic``: a volume and its JSON a seed, and the physical exports.

    Raises:
        CorruptData: the weights cannot be read.
        UsageError: there are none yet, or what is asked for no volume can have.
    """
    own = load(root).section("generate", Params)
    with stage.running(
        root,
        "generate",
        reads=[paths.WEIGHTS],
        writes=[paths.SYNTHETIC],
        params={"generate": own},
    ):
        generator, description = weights.load(root / paths.WEIGHTS)
        conditions = Conditions.from_json(description.conditions)
        for warning in asked.check(conditions, own.properties):
            tqdm.write(f"warning: generate.properties: {warning}", file=sys.stderr)
        space = ModelSpace(**description.ct)
        sizes = Conditions.from_json(description.sizes)
        dtype = getattr(torch, own.precision)
        sampler = Sampler(generator, space, sizes, conditions, dtype)
        facts = {
            "truncation": own.truncation,
            "precision": own.precision,
            "weights_sha256": weights.digest(root / paths.WEIGHTS),
        }
        seeds = range(own.seed, own.seed + own.count)
        with replace_folder(root / paths.SYNTHETIC) as folder:
            for seed in progress.track(seeds, len(seeds), "generate", "volumes"):
                sample = sampler.sample(seed, own.truncation, asked.drawn(own.properties, seed))
                physical = space.physical(sample.volume)
                _write(folder, sample, physical, space, facts)
                if seed - own.seed < own.export:
                    (folder / PHYSICAL).mkdir(exist_ok=True)
                    nifti.write(folder / PHYSICAL / f"{seed:06d}.nii.gz", physical, MARK)


def _write(
    folder: Path,
    sample: Sample,
    physical: Volume,
    space: ModelSpace,
    facts: Mapping[str, object],
) -> None:
    """Write the volume, and the JSON that says what it is and was asked to be."""
    nifti.write(folder / f"{sample.seed:06d}.nii.gz", sample.volume, MARK)
    write_json(
        folder / f"{sample.seed:06d}.json",
        {
            "synthetic": True,
            "seed": sample.seed,
            "longest_side": sample.longest_side,
            "effective_spacing_mm": space.effective_spacing(sample.longest_side),
            "nominal_spacing_mm": space.spacing_mm,
            "properties": {"asked": sample.asked, "measured": asdict(properties.measure(physical))},
            **facts,
        },
    )
