"""``make bench``: what the training of the weights here is worth, as KID to the held-out scans.

Writes reports/benchmarks/learning.md. Beside the released generator stand networks of its
architecture that no training has touched: with the weights they are made with, and with these and
the mean of the training scans, which a training starts from. All draw the same seeds, without the
gate of ``generate``.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from syda import paths
from syda.metrics.cohorts import Floats, Images, VoxelGrid
from syda.metrics.efficientnet import EfficientNetFeatures
from syda.metrics.kid import WeightedFeatures, mmd2
from syda.model.generator import Generator
from syda.params import load
from syda.records.reader import read_split
from syda.runtime.outputs import write_text
from syda.sampling.config import GenerateParams
from syda.sampling.generation import LoadedGenerator, load_generator
from syda.sampling.sampler import Sampler
from syda.volume.transforms import encode, scale_window

ROOT = Path(__file__).parents[2]
REPORT = Path("reports") / "benchmarks" / "learning.md"
DRAWN = 32
SEEDS = range(3)
"""Of the weights that are not trained."""
SHARE = 0.2
"""Aim: at most that share of the KID of untrained weights."""


def scans(root: Path, split: str, sampler: Sampler) -> tuple[Images, list[str]]:
    """Volumes of a split, ``[cases, S, S, S]`` in the model range, and the patient of each."""
    space = sampler.space
    records = list(read_split(root / paths.RECORDS, split, space.spacing_mm))
    images = np.stack([encode(record.volume, space)[0] for record in records])
    return images, [record.case.patient for record in records]


def drawn(found: LoadedGenerator, generator: Generator, count: int) -> Images:
    """What a generator draws, as ``evaluate`` reads it: ``[count, S, S, S]``."""
    reference = found.sampler
    sampler = Sampler(
        generator, reference.space, reference.sizes, reference.conditions, reference.dtype
    )
    volumes = (sampler.sample(seed).volume for seed in range(count))
    return np.stack([scale_window(one.hu, reference.space) for one in volumes])


def untrained(architecture: dict[str, object], images: Images) -> Iterator[tuple[str, Generator]]:
    """Networks before a training, each named."""
    for seed in SEEDS:
        torch.manual_seed(seed)
        generator = Generator(**architecture).requires_grad_(False)
        yield f"untrained weights, seed {seed}", generator
        generator.synthesis.fit_intensity_curve(torch.from_numpy(images)[:, None])
        generator.synthesis.init_from_mean(torch.from_numpy(images)[:, None])
        yield f"the same and the mean scan, seed {seed}", generator


def vectors(grid: VoxelGrid, images: Images) -> Floats:
    """``[V, d]``."""
    return EfficientNetFeatures(grid).extract(images).vectors


def kid(first: Floats, second: Floats, patients: list[str]) -> float:
    """Of volumes, each for itself, to scans of these patients."""
    each, of_patients = np.arange(len(first)), np.unique(patients, return_inverse=True)[1]
    synthetic = WeightedFeatures(first, each, np.ones((1, len(first))))
    return float(
        mmd2(synthetic, WeightedFeatures(second, of_patients, np.ones((1, len(second)))))[0]
    )


def page(root: Path, count: int = DRAWN) -> str:
    """Measure everything and return the report."""
    precision = load(root).section("generate", GenerateParams).precision
    found = load_generator(root / paths.WEIGHTS, precision)
    space = found.sampler.space
    grid = VoxelGrid(space.size, space.window_min, space.window_max)
    (trained_on, _), (held_out, patients) = (
        scans(root, split, found.sampler) for split in ("train", "holdout")
    )
    target = vectors(grid, held_out)

    def measured(images: Images) -> float:
        return kid(vectors(grid, images), target, patients)

    architecture, version = found.description.architecture, found.description.data["version"]
    released = measured(drawn(found, found.sampler.generator, count))
    before = {
        name: measured(drawn(found, generator, count))
        for name, generator in untrained(architecture, trained_on)
    }
    of_weights = [value for name, value in before.items() if name.startswith("untrained")]
    worst = released / min(of_weights)
    rows = [f"| {name} | {value:.3f} | {released / value:.3f} |" for name, value in before.items()]
    return "\n".join(
        [
            "# What the training is worth",
            "",
            f"Weights {found.weights_sha256[:8]} of data version {version}: "
            f"{len(trained_on)} scans trained on, {len(held_out)} held out, {count} volumes drawn.",
            "KID as in reports/metrics.json, here without the gate of `generate`: 0 for scans, but",
            "for chance.",
            "",
            "| aim | reached | |",
            "| --- | --- | --- |",
            f"| at most {SHARE:g} of the KID of untrained weights | {worst:.3f} | "
            f"{'met' if worst <= SHARE else 'not met'} |",
            "",
            "| network | KID to held-out scans | the released one's over it |",
            "| --- | --- | --- |",
            f"| released | {released:.3f} | 1 |",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Write the report, or print that of another working folder."""
    parser = argparse.ArgumentParser(prog="python -m bench.learning")
    parser.add_argument(
        "--of", type=Path, metavar="FOLDER", help="print the report of another working folder"
    )
    other = parser.parse_args().of
    if other:
        print(page(other))
        return
    if not (ROOT / paths.WEIGHTS).is_dir():
        print(f"bench: {REPORT} stays as it is: no {paths.WEIGHTS} here, `dvc repro` makes it")
        return
    write_text(ROOT / REPORT, page(ROOT))
    print(f"bench: {REPORT}")


if __name__ == "__main__":
    main()
