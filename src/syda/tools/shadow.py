"""``syda shadow SCAN``: a scan through the model, the checklist's inference path.

The scan is brought to the model's cube by the code of training, projected into the generator's
inputs (:mod:`syda.sampling.projection`), moved towards a free sample of the same properties, drawn,
and brought back to HU in the scan's own frame and extent.

A close shadow is a copy of a patient. Each result says how near it is; one that is nearer than
``shadow.copy_share`` allows, or of which nobody can tell, is written only if that is allowed. One
that passes is no copy, and yet it may well tell whose it is: it is to be kept like the scan.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from syda.dicom import synthetic
from syda.dicom.writer import write_series
from syda.errors import CheckFailed, UsageError
from syda.figures.planes import Column, draw
from syda.model import memory
from syda.model.conditions import Conditions, Value
from syda.model.device import Precision, named, type_of_maps
from syda.model.encoder import Encoder
from syda.params import Params as AllParams
from syda.params import Section, load
from syda.runtime import manifest, progress
from syda.runtime.outputs import replace_folder, scratch_folder, write_json, write_text
from syda.sampling import projection, weights
from syda.sampling.export import MARK
from syda.sampling.sampler import Sampler
from syda.tools import likeness, scan
from syda.types import EFFECTIVE_SPACING, Volume
from syda.volume import nifti, properties
from syda.volume.model_space import ModelSpace

PICTURE = "source_and_shadow.png"
"""Shows real voxels."""

_PIPELINE = ("data", "model_card", "reports", "src", "tests")
"""Folders of the repository where nothing of a user's scan belongs."""


class Params(Section):
    """Section ``shadow``."""

    strength: float = Field(ge=0, le=1)
    """1 for the closest shadow, 0 for a free sample of the same properties."""
    seed: int = Field(ge=0)
    """Of that free sample, and of the noise that the projection begins with."""
    steps: int = Field(ge=1)
    """Of the projection, at most."""
    tolerance: float = Field(ge=0, lt=1)
    """It ends where its loss falls by a smaller share over a tenth of the steps."""
    style_lr: float = Field(gt=0)
    """Learning rate of the styles."""
    noise_lr: float = Field(ge=0)
    """Learning rate of the noise."""
    style_prior: float = Field(ge=0)
    """Weight of the mean square of the styles."""
    noise_prior: float = Field(ge=0)
    """Weight of the mean square of the noise."""
    precision: Precision
    """Of the feature maps."""
    copy_share: float = Field(ge=0)
    """Of the median distance of different patients, below which a shadow is a copy."""

    def settings(self) -> projection.Settings:
        """Of the projection."""
        kept = set(projection.Settings.__dataclass_fields__)
        return projection.Settings(**self.model_dump(include=kept))


@dataclass(frozen=True)
class Model:
    """Released weights, ready to project and to draw.

    Attributes:
        sampler: of the generator.
        encoder: where a projection starts.
        data: version and index digest of the records of the training.
        sha256: of the generator's weights.
    """

    sampler: Sampler
    encoder: Encoder
    data: dict[str, Any]
    sha256: str


@dataclass(frozen=True)
class Shadow:
    """A shadow on the model's cube.

    Attributes:
        source: ``[1, 1, N, N, N]`` in [-1, 1], what the model was shown.
        image: the same of the shadow.
        told: the properties that the generator was given.
        losses: of the projection; empty where the strength is 0.
    """

    source: torch.Tensor
    image: torch.Tensor
    told: dict[str, Value]
    losses: list[float]


@dataclass(frozen=True)
class Wishes:
    """What the command was told.

    Attributes:
        series: Series Number to take, or None.
        strength: in the place of ``shadow.strength``, or None.
        seed: in the place of ``shadow.seed``, or None.
        allow_copy: write what is, or may be, a copy of a patient.
    """

    series: int | None = None
    strength: float | None = None
    seed: int | None = None
    allow_copy: bool = False


def run(root: Path, path: Path, out: Path, released: Path, wishes: Wishes) -> list[str]:
    """Write the shadow of a scan.

    Args:
        root: of the repository.
        path: of the scan.
        out: folder to make; it may exist if it is empty.
        released: folder of the weights.
        wishes: what else was told.

    Returns:
        Lines to print: what was written, how near it is, and the seconds it took.

    Raises:
        CheckFailed: the scan is set aside, or the shadow is a copy.
        CorruptData: scan or weights cannot be read.
        UsageError: ``out`` holds something or belongs to the pipeline, there is no scan, or there
            are several series.
    """
    begun = time.perf_counter()
    params = load(root)
    asked = {"shadow.strength": wishes.strength, "shadow.seed": wishes.seed}
    params = params.changed({key: value for key, value in asked.items() if value is not None})
    own = params.section("shadow", Params)
    out = out.resolve()
    _check_out(root.resolve(), out)
    model = _load(released, own.precision)
    space = model.sampler.space
    if params.ct.spacing_mm != space.spacing_mm:
        raise UsageError(
            f"shadow: the weights are for scans at {space.spacing_mm:g} mm, ct.spacing_mm is "
            f"{params.ct.spacing_mm:g}"
        )
    source, attributes = _scan(path, wishes.series, out, params)
    made = make(model, source, attributes, own)
    for number in model.sampler.conditions.outside(made.told):
        progress.say(
            f"warning: shadow: {number.name} of the scan is {made.told[number.name]:.4g}, outside "
            f"what the training cases span, {number.low:.4g} to {number.high:.4g}: expect less"
        )
    known = likeness.reference(root, model.data, space)
    near = likeness.measure(space, made.source[0].numpy(), made.image[0].numpy(), known)
    copy = near.is_copy(own.copy_share)
    if copy is not False and not wishes.allow_copy:
        raise CheckFailed(_refusal(copy, near, own))
    volume = space.decode_onto(made.image[0].numpy(), source)
    with replace_folder(out) as folder:
        _write(folder, volume, source, made, model, own, near)
    seconds = time.perf_counter() - begun
    heading = {
        True: "a copy of a patient, as allowed: ",
        None: "nobody can tell whether it is a copy of a patient: ",
        False: "",
    }
    return [
        f"shadow: {heading[copy]}{near.told()}",
        f"shadow of strength {own.strength:g} in {out}, {seconds:.0f} s; {PICTURE} shows the scan, "
        "and a shadow may tell whose it is: keep both like the scan",
    ]


def make(model: Model, source: Volume, attributes: Mapping[str, Value], own: Params) -> Shadow:
    """Take a scan through the model.

    Args:
        model: released weights.
        source: a scan at the model's spacing.
        attributes: of its header, as far as known.
        own: how.
    """
    memory.keep()
    sampler, generator = model.sampler, model.sampler.generator
    image, longest = sampler.space.encode(source)
    shown = torch.from_numpy(image)[None]
    asked = told(sampler.conditions, source, attributes, sampler.space.effective_spacing(longest))
    drawn = sampler.draw(own.seed, asked)
    with torch.no_grad():
        style = generator.style(drawn.z, drawn.told)
    inputs = projection.Inputs(style[:, None].repeat(1, generator.synthesis.levels, 1), drawn.noise)
    losses: list[float] = []
    if own.strength > 0:
        projector = projection.Projector(
            generator, model.encoder, sampler.conditions, sampler.dtype
        )
        found, losses = projector.project(shown, drawn.told, drawn.noise, own.settings())
        inputs = inputs.towards(found, own.strength)
    with torch.no_grad():
        image = generator.synthesis(inputs.styles, inputs.noise, sampler.dtype)
    return Shadow(shown, image, asked, losses)


def told(
    conditions: Conditions, source: Volume, attributes: Mapping[str, Value], spacing_mm: float
) -> dict[str, Value]:
    """Properties of a scan, of those the generator knows; None where it is given none.

    A term that no training case has is unknown to it.
    """
    found: dict[str, Value] = {
        **attributes,
        **asdict(properties.measure(source)),
        EFFECTIVE_SPACING: spacing_mm,
    }
    for term in conditions.terms:
        if str(found.get(term.name)) not in term.shares:
            found[term.name] = None
    return {name: found.get(name) for name in conditions.names}


def _check_out(root: Path, out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"shadow: {out} is there and no empty folder: name another with --out")
    if out == root or (out.is_relative_to(root) and out.relative_to(root).parts[0] in _PIPELINE):
        raise UsageError(
            f"shadow: {out} belongs to the pipeline: name a folder of your own with --out"
        )


def _load(folder: Path, precision: Precision) -> Model:
    if not (folder / weights.WEIGHTS).is_file():
        raise UsageError(
            f"shadow: no {weights.WEIGHTS} in {folder}: train, or name the folder of a release "
            "with --weights"
        )
    generator, description = weights.load(folder)
    sampler = Sampler(
        generator,
        ModelSpace(**description.ct),
        Conditions.from_json(description.sizes),
        Conditions.from_json(description.conditions),
        type_of_maps(precision, generator.w_average.device),
    )
    encoder = weights.load_encoder(folder, description)
    return Model(sampler, encoder, description.data, weights.digest(folder))


def _scan(
    path: Path, series: int | None, out: Path, params: AllParams
) -> tuple[Volume, dict[str, Value]]:
    with scratch_folder(out.with_name(f"{out.name}.scan")) as scratch:
        found = scan.read(path, series, scratch, params)
    return found.volume, found.attributes


def _refusal(copy: bool | None, near: likeness.Likeness, own: Params) -> str:
    if copy is None:
        return (
            "shadow: nothing written: the records of these weights are not in data/records, so "
            "nobody can tell whether the shadow is a copy of a patient; --allow-copy writes it, "
            "and says so"
        )
    return (
        f"shadow: nothing written: it is a copy of a patient ({near.told()}; "
        f"shadow.copy_share {own.copy_share:g}): lower --strength, or --allow-copy"
    )


def _write(
    folder: Path,
    volume: Volume,
    source: Volume,
    made: Shadow,
    model: Model,
    own: Params,
    near: likeness.Likeness,
) -> None:
    space = model.sampler.space
    digest = hashlib.sha256(volume.hu.tobytes()).hexdigest()
    write_text(folder / ".gitignore", "*\n")
    nifti.write(folder / f"shadow{nifti.SUFFIX}", volume, MARK)
    write_series(
        folder / "dicom",
        volume,
        synthetic.describe(
            name=f"shadow {digest[:16]}",
            number=1,
            what="SHADOW OF A CT",
            weights_sha256=model.sha256,
            derivation=(
                "Drawn by a generator that was brought near a CT, with strength "
                f"{own.strength:g} of 1, and resampled to {space.spacing_mm:g} mm: not a scan of "
                "the patient, and it may resemble one. Not for diagnosis."
            ),
            thickness_mm=space.spacing_mm,
            sex=str(made.told.get("sex") or ""),
        ),
    )
    longest = max(source.hu.shape)
    write_json(
        folder / "shadow.json",
        {
            "synthetic": True,
            "mark": MARK,
            "strength": own.strength,
            "seed": own.seed,
            "projection": {
                "steps": len(made.losses),
                "loss": {"first": made.losses[0], "last": made.losses[-1]} if made.losses else None,
            },
            "distances": asdict(near),
            "copy": near.is_copy(own.copy_share),
            "copy_share": own.copy_share,
            "longest_side": longest,
            "effective_spacing_mm": space.effective_spacing(longest),
            "nominal_spacing_mm": space.spacing_mm,
            "properties": {"asked": made.told, "measured": asdict(properties.measure(volume))},
            "voxels_sha256": digest,
            "weights_sha256": model.sha256,
            "precision": named(model.sampler.dtype),
            "code_sha256": manifest.code_digest_from(__name__),
            "data": model.data,
        },
    )
    seen = space.decode_onto(made.source[0].numpy(), source)
    columns = [
        Column(source, "source", synthetic=False),
        Column(seen, "as the model sees it", synthetic=False),
        Column(volume, f"shadow of strength {own.strength:g}", synthetic=True),
    ]
    caption = "Window 400 HU around 40. Shows a real scan: keep it private."
    draw(columns, folder / PICTURE, caption=caption)
