"""Stage ``train``: records to the weights of a generator."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import Field, model_validator

from syda import paths
from syda.errors import CheckFailed, UsageError
from syda.model import conditions, device
from syda.model.device import Precision
from syda.params import Section, load
from syda.records.reader import read_split
from syda.records.writer import INDEX
from syda.runtime import progress, stage
from syda.runtime.manifest import digest_file, made_by
from syda.runtime.outputs import replace_folder, write_json, write_text
from syda.sampling import weights
from syda.training import data, devices, losses
from syda.training.augment import Augment
from syda.training.checkpoint import Checkpoints
from syda.training.encoder import Recipe as EncoderRecipe
from syda.training.encoder import fit as fit_encoder
from syda.training.fit import fit
from syda.training.recipe import Recipe
from syda.training.tracking import Grids, Tracker
from syda.volume.model_space import ModelSpace


class AugmentParams(Section):
    """Section ``train.augment``: what the discriminator sees is changed at random."""

    probability: float = Field(ge=0, le=1)
    """That a volume undergoes each kind of change, at the start."""
    target: float = Field(ge=0, lt=1)
    """How far the discriminator may tell real volumes apart before that rises; 0 is never."""
    images: int = Field(ge=1)
    """Images in which it can go from 0 to 1."""
    limit: float = Field(ge=0, le=1)
    """It goes no higher."""
    rotation: float = Field(ge=0, le=45)
    """Largest turn about each axis, degrees."""
    zoom: float = Field(ge=0, lt=1)
    """Largest relative change of size."""
    shift: float = Field(ge=0, le=0.5)
    """Largest shift along each axis, share of the side."""
    contrast: float = Field(ge=0, lt=1)
    """Largest relative change of the distance from air."""
    noise: float = Field(ge=0, le=1)
    """Largest standard deviation of what is added, in the model range."""
    cutout: float = Field(ge=0, le=1)
    """Side of the cube replaced by air, share of the side."""


class EncoderParams(Section):
    """Section ``train.encoder``: what finds a style for a scan, trained on what is generated."""

    images: int = Field(ge=2)
    """Volumes drawn to learn from."""
    ridge: float = Field(gt=0)
    """Weight of the squared weights, relative to the mean squared length of what is read."""


class Params(Section):
    """Section ``train``; whatever counts time counts images, but for the two intervals."""

    seed: int = Field(ge=0)
    """Of weights, latents, noise, augmentation and order."""
    images: int = Field(ge=1)
    """Real images shown in all."""
    coarse_images: int = Field(ge=0)
    """How many of these, the first ones, at half the side."""
    fade_images: int = Field(ge=1)
    """Images over which the discriminator's finest block joins after these."""
    batch: int = Field(ge=2)
    """Images a step; two at least, whose spread the discriminator sees."""
    generator_lr: float = Field(gt=0)
    """Learning rate of the generator."""
    discriminator_lr: float = Field(gt=0)
    """Learning rate of the discriminator."""
    decay_share: float = Field(ge=0, le=1)
    """Share of the images, the last ones, over which the learning rates fall to zero."""
    loss: losses.Form
    """Form of the adversarial loss."""
    r1_weight: float = Field(ge=0)
    """Of the R1 penalty on real images; times voxels over batch it is gamma."""
    r1_interval: int = Field(ge=1)
    """Steps from one R1 penalty to the next."""
    path_weight: float = Field(ge=0)
    """Weight of path-length regularisation; 0 turns it off."""
    path_interval: int = Field(ge=1)
    """Steps from one path-length regularisation to the next."""
    ema_half_life: float = Field(gt=0)
    """Half-life of the averaged weights, images."""
    ema_ramp: float = Field(gt=0)
    """Upper bound of that half-life, share of the images seen."""
    style_mixing: float = Field(ge=0, le=1)
    """Probability that the styles of a volume come from two latents."""
    property_dropout: float = Field(ge=0, le=1)
    """Probability that a property is not told."""
    property_blur: float = Field(ge=0)
    """Standard deviation of what is added to a number, in those of the training cases."""
    patience_images: int = Field(ge=1)
    """Images after which a game that one side has won is stopped."""
    augment: AugmentParams
    """Random changes of what the discriminator sees."""
    precision: Precision
    """Of the feature maps."""
    recompute: bool
    """Whether feature maps are computed twice to save memory."""
    microbatch: int = Field(ge=0)
    """Volumes of a batch that are computed at once; 0 is all."""
    checkpoint_images: int = Field(ge=1)
    """Images from one checkpoint to the next."""
    log_images: int = Field(ge=1)
    """Images from one point of the curves to the next."""
    pictures: int = Field(ge=0)
    """Sample grids sent to MLflow on the way, evenly spread."""
    encoder: EncoderParams
    """The encoder's training, at the end."""

    @model_validator(mode="after")
    def _fits_in_the_run(self) -> Self:
        if self.coarse_images >= self.images or self.log_images > self.images:
            raise ValueError("needs coarse_images < images and log_images <= images")
        return self

    def type_of_maps(self) -> torch.dtype:
        """Of this training, here."""
        return device.type_of_maps(self.precision, device.present())

    def here(self) -> list[str]:
        """What the weights depend on of the machine: kind of device, type of feature maps."""
        return [device.present().type, device.named(self.type_of_maps())]

    def recipe(self) -> Recipe:
        """What the training needs to know of this."""
        plain = self.model_dump(exclude={"augment", "precision", "pictures", "encoder"})
        when = {"probability", "target", "images", "limit"}
        return Recipe(
            **plain,
            augment=Augment(**self.augment.model_dump(exclude=when)),
            augment_probability=self.augment.probability,
            augment_target=self.augment.target,
            augment_images=self.augment.images,
            augment_limit=self.augment.limit,
            bfloat16=self.type_of_maps() is torch.bfloat16,
        )

    def encoder_recipe(self) -> EncoderRecipe:
        """What the encoder's training needs to know of this."""
        return EncoderRecipe(
            seed=self.seed,
            images=self.encoder.images,
            ridge=self.encoder.ridge,
            batch=self.batch,
            property_dropout=self.property_dropout,
            dtype=self.type_of_maps(),
        )


def run(root: Path) -> None:
    """Write ``data/weights``, ``reports/train/curves.csv`` and ``properties.json``.

    Raises:
        CheckFailed: the training diverged, a record is not at ``ct.spacing_mm``, or a property is
            not known of any training case.
        CorruptData: the records cannot be read.
        SydaError: one of several processes failed.
        UsageError: there are none yet, or the batch cannot be shared among the processes.
    """
    params = load(root)
    own, ct, model = params.section("train", Params), params.ct, params.model
    if devices.launch("train"):
        return
    place = devices.place()
    if own.batch % place.world:
        raise UsageError(f"train.batch={own.batch}: must be a multiple of {place.world} processes")
    told: dict[str, Section | dict[str, Any]] = {
        "train": own,
        "ct": ct,
        "model": model,
        "data": params.data.only("version"),
    }
    frame = stage.running(
        root,
        "train",
        reads=[paths.RECORDS, paths.validation_report("records")],
        writes=[paths.WEIGHTS, paths.CURVES, paths.PROPERTIES],
        params=told,
    )
    with frame if place.first else nullcontext():
        if own.precision == "bfloat16" and not device.computes_in_bfloat16(device.present()):
            progress.say(
                "warning: train.precision=bfloat16: this machine does not compute in it and takes "
                "up to 200 times as long; auto takes float32 here"
            )
        cube = {key: getattr(ct, key) for key in ("size", "spacing_mm", "window_min", "window_max")}
        space = ModelSpace(**cube)
        records = read_split(root / paths.RECORDS, "train", ct.spacing_mm)
        scans = data.encode(((r.volume, r.properties, r.case.attributes) for r in records), space)
        try:
            known = conditions.measure(scans.properties, model.properties)
        except ValueError as error:
            raise CheckFailed(f"train: model.properties: {error}") from error
        source = {
            "version": params.data.version,
            "index_sha256": digest_file(root / paths.RECORDS / INDEX),
            "training_cases": len(scans.images),
        }
        checkpoints = Checkpoints(root / paths.CHECKPOINTS / _fingerprint(told, source, own.here()))
        if place.first:
            checkpoints.discard_others()
        tracker = Tracker(
            root / paths.MLFLOW,
            params={"train": own.model_dump(), "ct": ct.model_dump(), "model": model.model_dump()},
            tags={f"data.{key}": str(value) for key, value in source.items()},
            grids=Grids(own.pictures, space, scans.sizes(), known),
            memory=checkpoints.folder / "mlflow-run",
        )
        networks = model.networks(known.size)
        game = fit(scans, known, networks, own.recipe(), place, checkpoints, [tracker])
        if not place.first:
            return
        inverse, unexplained = fit_encoder(game.ema.average, known, own.encoder_recipe())
        progress.say(f"train: the encoder explains {1 - unexplained:.0%} of the variance of styles")
        description = weights.Description(
            networks["generator"],
            cube,
            scans.sizes().to_json(),
            known.to_json(),
            source,
            game.images_seen,
            device.named(own.type_of_maps()),
            {
                "architecture": inverse.architecture,
                "images": own.encoder.images,
                "unexplained": unexplained,
            },
        )
        with replace_folder(root / paths.WEIGHTS) as folder:
            weights.save(folder, game.ema.average, description)
            weights.save_encoder(folder, inverse)
        write_text(root / paths.CURVES, game.curves.csv())
        write_json(root / paths.PROPERTIES, {"places": known.size, **known.to_json()})
        tracker.register(weights.digest(root / paths.WEIGHTS))
        checkpoints.clear()


def _fingerprint(
    told: Mapping[str, Section | dict[str, Any]], source: Mapping[str, object], here: Sequence[str]
) -> str:
    """Digest of what decides the weights: a checkpoint of anything else is of no use."""
    decides = {**made_by("train", told), "source": dict(source), "here": here}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
