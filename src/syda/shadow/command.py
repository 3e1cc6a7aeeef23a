"""``syda shadow SCAN``: a scan through the model, the checklist's inference path.

A close shadow is a copy of a patient. The command reports the distance of the shadow to the scan
and to the training cases. A shadow nearer than ``shadow.copy_share`` allows is a copy. A copy, or
a shadow without training records to compare with, is written only if the user allows it. A shadow
that is no copy can still identify the patient: keep it as private as the scan.

A shadow without a body is refused, by the quality gate of ``generate``. The other rules of the gate
only warn: contrast agent, metal, a table or a narrow field of view break them in real scans too.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from syda.errors import CheckFailed, UsageError
from syda.params import load
from syda.runtime import progress
from syda.runtime.outputs import replace_folder, require_empty, scratch_folder
from syda.sampling.config import GateParams, GenerateParams
from syda.sampling.gate import RejectionReason, check
from syda.sampling.generation import LoadedGenerator, load_generator
from syda.shadow import export, scan, similarity
from syda.shadow.config import ShadowParams
from syda.shadow.create import Shadow, create_shadow
from syda.types import Volume

_PIPELINE = ("data", "model_card", "reports", "src", "tests")
"""Folders of the repository that must not hold a user's scan."""


@dataclass(frozen=True)
class ShadowOptions:
    """Options of the command.

    Attributes:
        series: Series Number to take, or None.
        strength: overrides ``shadow.strength`` unless None.
        seed: overrides ``shadow.seed`` unless None.
        allow_copy: write a copy of a patient, or what may be one.
    """

    series: int | None = None
    strength: float | None = None
    seed: int | None = None
    allow_copy: bool = False


def run(root: Path, path: Path, out: Path, weights: Path, options: ShadowOptions) -> list[str]:
    """Write the shadow of a scan.

    Args:
        root: of the repository.
        path: of the scan.
        out: folder to make; it may exist if it is empty.
        weights: folder of the weights.
        options: of the command.

    Returns:
        Lines to print: what was written, its distances, and the seconds it took.

    Raises:
        CheckFailed: the scan is rejected or excluded, or the shadow is a copy or has no body.
        CorruptData: scan or weights cannot be read.
        UsageError: ``out`` holds something or belongs to the pipeline, there is no scan, or there
            are several series.
    """
    begun = time.perf_counter()
    overrides = {"shadow.strength": options.strength, "shadow.seed": options.seed}
    every = load(root).changed({k: value for k, value in overrides.items() if value is not None})
    params = every.section("shadow", ShadowParams)
    out = out.resolve()
    _check_out(root.resolve(), out)
    model = load_generator(weights, params.precision)
    model.encoder()  # a missing one is reported before the scan is read
    space = model.space
    if every.ct.spacing_mm != space.spacing_mm:
        raise UsageError(
            f"shadow: the weights are for scans at {space.spacing_mm:g} mm, ct.spacing_mm is "
            f"{every.ct.spacing_mm:g}"
        )
    with scratch_folder(out.with_name(f"{out.name}.scan")) as scratch:
        found = scan.read(path, options.series, scratch, every)
    shadow = create_shadow(model, found.volume, found.attributes, params)
    _warn_out_of_range(model, found.volume, shadow)
    volume = space.decode_onto(shadow.image[0].numpy(), found.volume)
    check_body(volume, every.section("generate", GenerateParams).gate)
    reference = similarity.load_reference(root, model.description.data, space)
    distances = similarity.measure_similarity(
        space, shadow.source[0].numpy(), shadow.image[0].numpy(), reference
    )
    copy = distances.is_copy(params.copy_share)
    if copy is not False and not options.allow_copy:
        raise CheckFailed(_refusal(copy, distances, params))
    with replace_folder(out) as folder:
        export.write(folder, export.ShadowResult(found, shadow, volume, distances, model, params))
    heading = {
        True: "a copy of a patient, as --allow-copy permits: ",
        None: "no records to tell whether it is a copy of a patient: ",
        False: "",
    }
    return [
        f"shadow: {heading[copy]}{distances.describe()}",
        f"shadow of strength {params.strength:g} in {out}, {time.perf_counter() - begun:.0f} s; "
        f"{export.PICTURE} shows the scan, and a shadow can identify a patient: keep both private",
    ]


def _check_out(root: Path, out: Path) -> None:
    require_empty(out, "shadow")
    if out == root or (out.is_relative_to(root) and out.relative_to(root).parts[0] in _PIPELINE):
        raise UsageError(f"shadow: {out} belongs to the pipeline: name another --out")


def _warn_out_of_range(model: LoadedGenerator, source: Volume, shadow: Shadow) -> None:
    values = {**shadow.properties, **model.space.sizes_of(source)}
    schemas = model.sampler.sizes, model.sampler.conditions
    outside = {number.name: number for schema in schemas for number in schema.out_of_range(values)}
    for number in outside.values():
        value = cast(float, values[number.name])
        distance, side = max((number.low - value, "below"), (value - number.high, "above"))
        progress.log(
            f"warning: shadow: {number.name} of the scan is {value:.4g}, {distance:.4g} {side} the "
            f"range of the training cases, {number.low:.4g} to {number.high:.4g}: results are less "
            "reliable"
        )


def check_body(shadow: Volume, gate: GateParams) -> None:
    """Check that a shadow has a body, and warn about the other rules that it breaks.

    Args:
        shadow: in HU, on the grid of the scan.
        gate: rules of the quality gate.

    Raises:
        CheckFailed: it has no body.
    """
    reasons = check(shadow.hu, gate)
    if RejectionReason.NO_BODY in reasons:
        raise CheckFailed(
            f"shadow: nothing written: it has no body ({', '.join(reasons)}; "
            f"generate.gate.min_body_share {gate.min_body_share:g}): use another --strength or "
            "--seed, or weights that were trained on such scans"
        )
    if reasons:
        progress.log(
            f"warning: shadow: breaks rules of the quality gate ({', '.join(reasons)}): look at "
            f"{export.PICTURE}"
        )


def _refusal(copy: bool | None, distances: similarity.Similarity, params: ShadowParams) -> str:
    if copy is None:
        return (
            "shadow: nothing written: data/records does not hold the records of these weights, so "
            "a copy of a patient cannot be recognised; --allow-copy writes the shadow all the same"
        )
    return (
        f"shadow: nothing written: it is a copy of a patient ({distances.describe()}; "
        f"shadow.copy_share {params.copy_share:g}): use a lower --strength, or --allow-copy"
    )
