"""Stage ``generate``: seeds to synthetic volumes as NIfTI in HU."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from syda import paths
from syda.params import Section, load
from syda.runtime import progress, stage
from syda.runtime.outputs import replace_folder, write_json
from syda.sampling import weights
from syda.sampling.sampler import Sample, Sampler
from syda.volume import nifti
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
    export: int = Field(ge=1)
    """How many of them, from the first on, are also exported at ``ct.spacing_mm``."""


def run(root: Path) -> None:
    """Write ``data/synthetic``: a volume and its JSON a seed, and the physical exports.

    Raises:
        CorruptData: the weights cannot be read.
        UsageError: there are none yet.
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
        sampler = Sampler(generator, ModelSpace(**description.ct), description.longest_sides)
        facts = {
            "truncation": own.truncation,
            "weights_sha256": weights.digest(root / paths.WEIGHTS),
        }
        seeds = range(own.seed, own.seed + own.count)
        with replace_folder(root / paths.SYNTHETIC) as folder:
            for seed in progress.track(seeds, len(seeds), "generate", "volumes"):
                sample = sampler.sample(seed, own.truncation)
                _write(folder, sample, sampler.space, facts)
                if seed - own.seed < own.export:
                    volume = sampler.space.physical(sample.volume)
                    (folder / PHYSICAL).mkdir(exist_ok=True)
                    nifti.write(folder / PHYSICAL / f"{seed:06d}.nii.gz", volume, MARK)


def _write(folder: Path, sample: Sample, space: ModelSpace, facts: Mapping[str, object]) -> None:
    """Write the volume, and the JSON that says what it is."""
    nifti.write(folder / f"{sample.seed:06d}.nii.gz", sample.volume, MARK)
    write_json(
        folder / f"{sample.seed:06d}.json",
        {
            "synthetic": True,
            "seed": sample.seed,
            "longest_side": sample.longest_side,
            "effective_spacing_mm": space.effective_spacing(sample.longest_side),
            "nominal_spacing_mm": space.spacing_mm,
            **facts,
        },
    )
