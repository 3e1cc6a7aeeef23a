"""One trial: a short training, evaluated on the validation cases at a few points."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from pydantic import JsonValue

from syda.errors import CheckFailed
from syda.metrics.cohorts import Images
from syda.model.conditions import ConditionSchema
from syda.params import Params
from syda.sampling.sampler import Sampler
from syda.training.checkpoint import Checkpoints
from syda.training.config import TrainParams
from syda.training.data import TrainingSet
from syda.training.distributed import SINGLE_PROCESS
from syda.training.fit import fit
from syda.training.module import StyleGANModule
from syda.tuning.config import TuneParams
from syda.tuning.objective import Objective
from syda.volume.model_space import ModelSpace
from syda.volume.transforms import scale_window

Report = Callable[[int, int, float], None]
"""Receives each point: its number from 1, images seen, value of the objective."""


class PruningCallback(pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """Evaluates a training at a few points and reports each.

    Args:
        points: images seen at each, ascending.
        evaluate: returns the objective.
        report: receives it; an exception from it ends the training.
    """

    def __init__(
        self,
        points: Sequence[int],
        evaluate: Callable[[StyleGANModule], float],
        report: Report,
    ) -> None:
        self._points = points
        self._evaluate = evaluate
        self._report = report
        self._passed = 0
        self.value = float("nan")

    def on_train_batch_end(
        self, trainer: pl.Trainer, gan: StyleGANModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Evaluate at a point, once where a step passes several.

        Raises:
            CheckFailed: the objective is not finite.
        """
        passed = sum(gan.images_seen >= point for point in self._points)
        if passed == self._passed:
            return
        self._passed = passed
        self.value = self._evaluate(gan)
        if not abs(self.value) < float("inf"):
            raise CheckFailed(f"tune: the objective is not finite after {gan.images_seen} images")
        self._report(passed, gan.images_seen, self.value)


@dataclass(frozen=True)
class TrialRunner:
    """Runs the trials of a study.

    Attributes:
        params: params.yaml.
        tune: section ``tune``.
        training_set: of the study; without the validation cases.
        space: converts volumes to HU and back.
        objective: on the validation cases.
        folder: of checkpoints; a trial is too short to write one.
    """

    params: Params
    tune: TuneParams
    training_set: TrainingSet
    space: ModelSpace
    objective: Objective
    folder: Path

    def run(self, values: Mapping[str, JsonValue], report: Report) -> float:
        """Train with some values of params.yaml replaced.

        All trials have the seed ``train.seed``.

        Args:
            values: by dotted key.
            report: receives each point.

        Returns:
            The objective at the end.

        Raises:
            CheckFailed: the training diverged or collapsed, or no case has a property.
            ParamsError: the values contradict each other.
        """
        full = self.params.changed(values)
        model = full.model
        train = shortened(full, self.tune.images)
        schema = self.training_set.schema(model.properties)
        pruning = PruningCallback(
            points(train, self.tune.points), lambda gan: self._evaluate(gan, schema), report
        )
        checkpoints, data = Checkpoints(self.folder), self.training_set
        fit(data, schema, model, train, SINGLE_PROCESS, checkpoints, [pruning])
        return pruning.value

    def _evaluate(self, gan: StyleGANModule, schema: ConditionSchema) -> float:
        sizes = self.training_set.size_schema()
        sampler = Sampler(gan.ema.average, self.space, sizes, schema, gan.activation_dtype)
        return self.objective(self._generate(sampler))

    def _generate(self, sampler: Sampler) -> Images:
        """Generate volumes as the evaluation reads them, rounded to whole HU."""
        volumes = (sampler.sample(seed).volume.hu for seed in range(self.tune.volumes))
        return np.stack([scale_window(hu, self.space) for hu in volumes])


def shortened(params: Params, images: int) -> TrainParams:
    """Return section ``train`` for a shorter training.

    Stages and their fades keep their share of the whole, in whole batches. Learning rates, averages
    and patience do not change.

    Raises:
        ParamsError: the section is invalid.
    """
    train = params.section("train", TrainParams)
    share = images / train.images
    stages = [
        stage.model_dump()
        | {
            "images": max(1, round(stage.images * share / stage.batch)) * stage.batch,
            "fade_images": round(stage.fade_images * share),
        }
        for stage in train.stages
    ]
    whole = sum(stage["images"] for stage in stages)
    lengths = {
        "train.stages": stages,
        "train.checkpoint_images": whole,
        "train.log_images": min(train.log_images, whole),
    }
    return params.changed(lengths).section("train", TrainParams)


def points(train: TrainParams, count: int) -> list[int]:
    """Return the images seen at each point, at equal distances in the last side's stages.

    Before that, the finest layers are untrained.
    """
    side = train.stages[-1].side
    fine = sum(stage.images for stage in train.stages if stage.side == side)
    coarse = train.images - fine
    return [coarse + -(-fine * number // count) for number in range(1, count + 1)]
