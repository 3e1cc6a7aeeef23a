"""Files of a synthetic volume: NIfTI, DICOM, and the JSON that describes it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from syda import paths
from syda.dicom import synthetic
from syda.dicom.description import SeriesDescription
from syda.dicom.writer import write_series
from syda.properties.measured import measure_properties
from syda.runtime.digest import sha256_of
from syda.runtime.outputs import write_json
from syda.sampling.sampler import Sample
from syda.types import Volume
from syda.volume import nifti
from syda.volume.model_space import ModelSpace

MARK = "SYNTHETIC, NOT FOR DIAGNOSIS"
"""In the header of every NIfTI file."""

Format = Literal["nifti", "dicom"]
FORMATS: tuple[Format, ...] = ("nifti", "dicom")


@dataclass(frozen=True)
class VolumeOrigin:
    """Where the volumes of a folder come from.

    Attributes:
        space: the model's cube.
        truncation: truncation psi.
        precision: of the feature maps.
        weights_sha256: digest of the weights.
        code_sha256: digest of the modules that make a volume.
        data: version and index digest of the training records.
        body_part: that all training cases have, a term of DICOM, or None.
        copy_check: outcome of the check for copies of training scans.
    """

    space: ModelSpace
    truncation: float
    precision: str
    weights_sha256: str
    code_sha256: str
    data: Mapping[str, Any]
    body_part: str | None
    copy_check: str


def write(
    folder: Path,
    sample: Sample,
    origin: VolumeOrigin,
    formats: Collection[Format],
    *,
    at_true_spacing: bool,
) -> None:
    """Write a volume: the cube as NIfTI, its description, and exports at true spacing."""
    name = f"{sample.seed:06d}"
    physical = origin.space.physical(sample.volume)
    if "nifti" in formats:
        nifti.write(folder / f"{name}{nifti.SUFFIX}", sample.volume, MARK)
    if "nifti" in formats and at_true_spacing:
        nifti.write(folder / paths.NIFTI_EXPORTS / f"{name}{nifti.SUFFIX}", physical, MARK)
    if "dicom" in formats and at_true_spacing:
        write_series(folder / paths.DICOM_EXPORTS / name, physical, _series(sample, origin))
    write_json(folder / f"{name}.json", _description(sample, physical, origin))


def _series(sample: Sample, origin: VolumeOrigin) -> SeriesDescription:
    """Describe a series; its UIDs follow from weights, seed, truncation and properties."""
    settings = json.dumps([origin.truncation, origin.precision, sample.properties], sort_keys=True)
    label = sha256_of(settings)[:8]
    space = origin.space
    return synthetic.describe(
        name=f"seed {sample.seed} {label}",
        weights_sha256=origin.weights_sha256,
        derivation=(
            f"Drawn by a generator from seed {sample.seed} with truncation {origin.truncation:g}, "
            f"in voxels of {space.effective_spacing(sample.longest_side):.3f} mm, and resampled to "
            f"{space.spacing_mm:g} mm: no patient, no scanner. Not for diagnosis."
        ),
        thickness_mm=space.spacing_mm,
        sex=str(sample.properties.get("sex") or ""),
        body_part=origin.body_part,
    )


def _description(sample: Sample, physical: Volume, origin: VolumeOrigin) -> dict[str, Any]:
    space = origin.space
    measured = asdict(measure_properties(physical))
    return {
        "synthetic": True,
        "seed": sample.seed,
        "longest_side": sample.longest_side,
        "effective_spacing_mm": space.effective_spacing(sample.longest_side),
        "nominal_spacing_mm": space.spacing_mm,
        "properties": {"requested": sample.properties, "measured": measured},
        "changed_end_slices": sample.changed_end_slices,
        "truncation": origin.truncation,
        "precision": origin.precision,
        "weights_sha256": origin.weights_sha256,
        "code_sha256": origin.code_sha256,
        "data": origin.data,
        "copy_check": origin.copy_check,
    }
