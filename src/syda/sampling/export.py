"""From seeds to a folder of synthetic volumes, as the stage and the command beside it write it.

``NNNNNN.nii.gz`` is the model's cube with its true voxel size. ``physical/NNNNNN.nii.gz`` and the
series ``dicom/NNNNNN/`` are the volume without padding, at the spacing of the scans. All are named
by the seed; ``NNNNNN.json`` says what it is, and ``gate.json``, where there was a gate, what was
rejected on the way.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from syda.dicom import synthetic
from syda.dicom.writer import SeriesDescription, write_series
from syda.model import memory
from syda.model.conditions import Conditions
from syda.model.device import Precision, named, type_of_maps
from syda.runtime import progress
from syda.runtime.outputs import write_json
from syda.sampling import asked, weights
from syda.sampling.gate import Gate
from syda.sampling.sampler import Sample, Sampler
from syda.types import Volume
from syda.volume import nifti, properties
from syda.volume.model_space import ModelSpace

MARK = "SYNTHETIC, NOT FOR DIAGNOSIS"
"""In the header of every NIfTI file."""

PHYSICAL = "physical"
DICOM = "dicom"
"""Folders, below that of the volumes, of the exports at true spacing."""

COUNTS = "gate.json"
"""What the gate saw, beside the volumes."""

Format = Literal["nifti", "dicom"]
FORMATS: tuple[Format, ...] = ("nifti", "dicom")


@dataclass(frozen=True)
class Source:
    """A generator, ready to draw, and where it comes from.

    Attributes:
        sampler: draws.
        weights_sha256: of its weights.
        data: version and index digest of the records that it was trained on.
        precision: of the feature maps.
        code_sha256: of the modules that make a volume.
    """

    sampler: Sampler
    weights_sha256: str
    data: Mapping[str, Any]
    precision: str
    code_sha256: str


@dataclass(frozen=True)
class Order:
    """What is drawn.

    Attributes:
        seeds: of the volumes, each once.
        truncation: 1 for the full variety, towards 0 for more average volumes.
        properties: that are asked for, by name; the rest is drawn.
    """

    seeds: Sequence[int]
    truncation: float
    properties: Mapping[str, asked.Asked]


def source(folder: Path, precision: Precision, code_sha256: str) -> Source:
    """Load weights for drawing.

    Args:
        folder: of the weights.
        precision: as params.yaml has it.
        code_sha256: of the caller and what it leads to.

    Raises:
        CorruptData: the weights cannot be read.
    """
    generator, description = weights.load(folder)
    sampler = Sampler(
        generator,
        ModelSpace(**description.ct),
        Conditions.from_json(description.sizes),
        Conditions.from_json(description.conditions),
        type_of_maps(precision, generator.w_average.device),
    )
    used = named(sampler.dtype)
    return Source(sampler, weights.digest(folder), description.data, used, code_sha256)


def produce(
    folder: Path,
    made_by: Source,
    order: Order,
    gate: Gate | None,
    *,
    exported: int,
    formats: Collection[Format] = FORMATS,
) -> None:
    """Draw the volumes of an order and write them.

    Args:
        folder: an empty one.
        made_by: the generator.
        order: what is drawn; :func:`syda.sampling.asked.check` passed its properties.
        gate: that each volume must pass, or None to take them as they come.
        exported: how many volumes, from the first on, are also written at true spacing.
        formats: of these exports; the cube itself is NIfTI.

    Raises:
        CheckFailed: the gate rejected too many.
    """

    def draw(seed: int) -> Sample:
        wishes = asked.drawn(order.properties, seed)
        return made_by.sampler.sample(seed, order.truncation, wishes)

    memory.keep()
    count = len(order.seeds)
    samples = gate.passing(draw, order.seeds) if gate else map(draw, order.seeds)
    for number, sample in enumerate(progress.track(samples, count, "generate", "volumes")):
        physical = made_by.sampler.space.physical(sample.volume)
        if "nifti" in formats:
            nifti.write(folder / f"{sample.seed:06d}{nifti.SUFFIX}", sample.volume, MARK)
        if number < exported:
            _export(folder, sample, physical, made_by, order.truncation, formats)
        write_json(
            folder / f"{sample.seed:06d}.json",
            _facts(sample, physical, made_by, order.truncation),
        )
    if gate:
        write_json(folder / COUNTS, gate.counts())


def _export(
    folder: Path,
    sample: Sample,
    physical: Volume,
    made_by: Source,
    truncation: float,
    formats: Collection[Format],
) -> None:
    name = f"{sample.seed:06d}"
    if "nifti" in formats:
        nifti.write(folder / PHYSICAL / f"{name}{nifti.SUFFIX}", physical, MARK)
    if "dicom" in formats:
        series = _series(sample, made_by, truncation)
        write_series(folder / DICOM / name, physical, series)


def _series(sample: Sample, made_by: Source, truncation: float) -> SeriesDescription:
    """Describe a series; its UIDs follow from the weights, the seed and what else was asked for."""
    settings = json.dumps([truncation, made_by.precision, sample.asked], sort_keys=True)
    label = hashlib.sha256(settings.encode()).hexdigest()[:8]
    space = made_by.sampler.space
    return synthetic.describe(
        name=f"seed {sample.seed} {label}",
        number=1,
        what="CT ABDOMEN",
        weights_sha256=made_by.weights_sha256,
        derivation=(
            f"Drawn by a generator from seed {sample.seed} with truncation {truncation:g}, in "
            f"voxels of {space.effective_spacing(sample.longest_side):.3f} mm, and resampled to "
            f"{space.spacing_mm:g} mm: no patient, no scanner. Not for diagnosis."
        ),
        thickness_mm=space.spacing_mm,
        sex=str(sample.asked.get("sex") or ""),
    )


def _facts(sample: Sample, physical: Volume, made_by: Source, truncation: float) -> dict[str, Any]:
    """What the JSON beside a volume says."""
    space = made_by.sampler.space
    return {
        "synthetic": True,
        "seed": sample.seed,
        "longest_side": sample.longest_side,
        "effective_spacing_mm": space.effective_spacing(sample.longest_side),
        "nominal_spacing_mm": space.spacing_mm,
        "properties": {"asked": sample.asked, "measured": asdict(properties.measure(physical))},
        "truncation": truncation,
        "precision": made_by.precision,
        "weights_sha256": made_by.weights_sha256,
        "code_sha256": made_by.code_sha256,
        "data": made_by.data,
    }
