"""Stage ``train``: records to the weights of a generator."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from syda import paths
from syda.params import Precision, Section, load
from syda.records.reader import read_split
from syda.records.writer import INDEX
from syda.runtime import stage
from syda.runtime.manifest import digest_file
from syda.runtime.outputs import replace_folder, write_text
from syda.sampling import weights
from syda.training import data
from syda.training.augment import Augment
from syda.training.fit import fit
from syda.training.recipe import Recipe
from syda.training.tracking import Tracker
from syda.volume.model_space import ModelSpace


class AugmentParams(Section):
    """Section ``train.augment``: what the discriminator sees is changed at random."""

    probability: float = Field(ge=0, le=1)
    """That a volume undergoes each kind of change."""
    shift: float = Field(ge=0, le=0.5)
    """Largest shift along each axis, share of the side."""
    contrast: float = Field(ge=0, lt=1)
    """Largest relative change of the distance from air."""
    cutout: float = Field(ge=0, le=1)
    """Side of the cube replaced by air, share of the side."""


class Params(Section):
    """Section ``train``; whatever counts time counts images."""

    seed: int = Field(ge=0)
    """Of weights, latents, noise, augmentation and order."""
    images: int = Field(ge=1)
    """Real images shown in all."""
    coarse_images: int = Field(ge=0)
    """How many of these, the first ones, at half the side."""
    fade_images: int = Field(ge=1)
    """Images over which the discriminator's finest block joins after these."""
    batch: int = Field(ge=1)
    """Images a step."""
    generator_lr: float = Field(gt=0)
    """Learning rate of the generator."""
    discriminator_lr: float = Field(gt=0)
    """Learning rate of the discriminator."""
    r1_gamma: float = Field(ge=0)
    """Weight of the R1 penalty on real images."""
    coarse_r1_gamma: float = Field(ge=0)
    """The same while they are shown at half the side."""
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
    augment: AugmentParams
    """Random changes of what the discriminator sees."""
    precision: Precision
    """Of the feature maps."""
    log_images: int = Field(ge=1)
    """Images from one point of the curves to the next."""
    pictures: int = Field(ge=0)
    """Sample grids sent to MLflow on the way, evenly spread."""

    @model_validator(mode="after")
    def _fits_in_the_run(self) -> Self:
        if self.coarse_images >= self.images or self.log_images > self.images:
            raise ValueError("needs coarse_images < images and log_images <= images")
        return self

    def recipe(self) -> Recipe:
        """What the training needs to know of this."""
        plain = self.model_dump(exclude={"augment", "precision", "pictures"})
        augment = Augment(**self.augment.model_dump())
        return Recipe(**plain, augment=augment, bfloat16=self.precision == "bfloat16")


def run(root: Path) -> None:
    """Write ``data/weights`` and ``reports/train/curves.csv``.

    Raises:
        CheckFailed: the training diverged, or a record is not at ``ct.spacing_mm``.
        CorruptData: the records cannot be read.
        UsageError: there are none yet.
    """
    params = load(root)
    own, ct, model = params.section("train", Params), params.ct, params.model
    with stage.running(
        root,
        "train",
        reads=[paths.RECORDS, paths.validation_report("records")],
        writes=[paths.WEIGHTS, paths.CURVES],
        params={"train": own, "ct": ct, "model": model, "data": params.data.only("version")},
    ):
        cube = {key: getattr(ct, key) for key in ("size", "spacing_mm", "window_min", "window_max")}
        space = ModelSpace(**cube)
        records = read_split(root / paths.RECORDS, "train", ct.spacing_mm)
        scans = data.encode(((record.volume, record.properties) for record in records), space)
        source = {
            "version": params.data.version,
            "index_sha256": digest_file(root / paths.RECORDS / INDEX),
            "training_cases": len(scans.images),
        }
        tracker = Tracker(
            root / paths.MLFLOW,
            params={"train": own.model_dump(), "ct": ct.model_dump(), "model": model.model_dump()},
            tags={f"data.{key}": str(value) for key, value in source.items()},
            space=space,
            longest_sides=scans.longest_sides,
            pictures=own.pictures,
        )
        architecture = model.model_dump(exclude={"discriminator_channels"})
        opponent = {"channels": model.discriminator_channels}
        game = fit(scans.images, architecture, opponent, own.recipe(), [tracker])
        description = weights.Description(
            architecture, cube, sorted(scans.longest_sides), source, game.images_seen
        )
        with replace_folder(root / paths.WEIGHTS) as folder:
            weights.save(folder, game.ema.average, description)
        write_text(root / paths.CURVES, game.curves.csv())
