"""Files of a shadow: NIfTI, DICOM, a JSON that describes it, and a picture beside the scan."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from syda.dicom import synthetic
from syda.dicom.writer import write_series
from syda.figures.planes import Column, draw
from syda.properties.measured import measure_properties
from syda.runtime import manifest
from syda.runtime.digest import sha256_of
from syda.runtime.outputs import write_json, write_text
from syda.sampling.export import MARK
from syda.sampling.generation import LoadedGenerator
from syda.shadow.config import ShadowParams
from syda.shadow.create import Shadow
from syda.shadow.scan import Scan
from syda.shadow.similarity import Similarity
from syda.types import Volume
from syda.volume import nifti

PICTURE = "source_and_shadow.png"
"""Shows real voxels."""


@dataclass(frozen=True)
class ShadowResult:
    """A shadow with all that its files say.

    Attributes:
        source: the scan.
        shadow: on the model's cube.
        volume: the shadow in HU on the grid of the scan.
        similarity: distances to the scan and to patients.
        model: that made it.
        params: of the command.
    """

    source: Scan
    shadow: Shadow
    volume: Volume
    similarity: Similarity
    model: LoadedGenerator
    params: ShadowParams


def write(folder: Path, result: ShadowResult) -> None:
    """Write the files of a shadow into an empty folder; git ignores them."""
    space, strength, volume = result.model.space, result.params.strength, result.volume
    cohort_part = result.model.description.body_part
    digest = sha256_of(volume.hu.tobytes())
    write_text(folder / ".gitignore", "*\n")
    nifti.write(folder / f"shadow{nifti.SUFFIX}", volume, MARK)
    series = synthetic.describe(
        name=f"shadow {digest[:16]}",
        content="SHADOW OF A CT",
        weights_sha256=result.model.weights_sha256,
        derivation=(
            "Drawn by a generator that was brought near a CT, with strength "
            f"{strength:g} of 1, and resampled to {space.spacing_mm:g} mm: not a scan of "
            "the patient, and it may resemble one. Not for diagnosis."
        ),
        thickness_mm=space.spacing_mm,
        sex=str(result.shadow.properties.get("sex") or ""),
        body_part=cast(str | None, result.source.attributes.get("body_part")) or cohort_part,
    )
    write_series(folder / "dicom", volume, series)
    write_json(folder / "shadow.json", _description(result, digest))
    source = result.source.volume
    seen = space.decode_onto(result.shadow.source[0].numpy(), source)
    columns = [
        Column(source, "source", synthetic=False),
        Column(seen, "as the model sees it", synthetic=False),
        Column(volume, f"shadow of strength {strength:g}", synthetic=True),
    ]
    caption = "Window 400 HU around 40. Shows a real scan: keep it private."
    draw(columns, folder / PICTURE, caption=caption)


def _description(result: ShadowResult, digest: str) -> dict[str, Any]:
    params, model, losses = result.params, result.model, result.shadow.losses
    longest = result.volume.longest_side
    measured = asdict(measure_properties(result.volume))
    return {
        "synthetic": True,
        "mark": MARK,
        "strength": params.strength,
        "seed": params.seed,
        "projection": {
            "steps": len(losses),
            "loss": {"first": losses[0], "last": losses[-1]} if losses else None,
        },
        "distances": asdict(result.similarity),
        "copy": result.similarity.is_copy(params.copy_share),
        "copy_share": params.copy_share,
        "longest_side": longest,
        "effective_spacing_mm": model.space.effective_spacing(longest),
        "nominal_spacing_mm": model.space.spacing_mm,
        "properties": {"requested": result.shadow.properties, "measured": measured},
        "voxels_sha256": digest,
        "weights_sha256": model.weights_sha256,
        "precision": model.precision,
        "code_sha256": manifest.code_digest_from(__name__),
        "data": model.description.data,
    }
