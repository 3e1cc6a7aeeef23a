"""One trial: a short training on the fitting cases, judged on the validation cases on the way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from pydantic import JsonValue

from syda.errors import CheckFailed
from syda.metrics.cohorts import Images
from syda.model import conditions
from syda.params import Params
from syda.sampling.sampler import Sampler
from syda.stages import train
from syda.training.checkpoint import Checkpoints
from syda.training.data import Scans
from syda.training.devices import Place
from syda.training.fit import fit
from syda.training.module import Game
from syda.tuning.objective import Objective
from syda.volume.model_space import ModelSpace

Report = Callable[[int, int, float], None]
"""Told of each point: its number from 1, images seen, value of the objective."""


class Watch(pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """Judges a training at a few points and reports each.

    Args:
        points: images seen at each, ascending.
        judge: gives the objective.
        report: told of it; what it raises ends the training.
    """

    def __init__(
        self, points: Sequence[int], judge: Callable[[Game], float], report: Report
    ) -> None:
        self._points = points
        self._judge = judge
        self._report = report
        self._passed = 0
        self.value = float("nan")

    def on_train_batch_end(
        self, trainer: pl.Trainer, game: Game, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Judge where a point is reached; a step that passes several is judged once.

        Raises:
            CheckFailed: the objective is not finite.
        """
        passed = sum(game.images_seen >= point for point in self._points)
        if passed == self._passed:
            return
        self._passed = passed
        self.value = self._judge(game)
        if not abs(self.value) < float("inf"):
            raise CheckFailed(f"tune: the objective is not finite after {game.images_seen} images")
        self._report(passed, game.images_seen, self.value)


@dataclass(frozen=True)
class Bench:
    """What the trials of a study have in common.

    Attributes:
        params: params.yaml.
        images: length of a trial.
        points: how often it is judged.
        volumes: synthetic ones that it is judged by.
        scans: what is trained on.
        space: the way of synthetic volumes to HU and back.
        objective: the judge.
        folder: of the checkpoints that a trial does not make: it begins anew.
    """

    params: Params
    images: int
    points: int
    volumes: int
    scans: Scans
    space: ModelSpace
    objective: Objective
    folder: Path

    def run(self, values: Mapping[str, JsonValue], report: Report) -> float:
        """Train with some values of params.yaml replaced.

        All trials have the same seed, ``train.seed``: what differs is what is searched.

        Args:
            values: by dotted key.
            report: told of each point.

        Returns:
            The objective at the end.

        Raises:
            CheckFailed: the training diverged, was stopped, or has a property that no case has.
            ParamsError: the values do not go together.
        """
        full = self.params.changed(values)
        model = full.model
        own = shortened(full, self.images)
        try:
            known = conditions.measure(self.scans.properties, model.properties)
        except ValueError as error:
            raise CheckFailed(f"tune: model.properties: {error}") from error
        watch = Watch(points(own, self.points), lambda game: self._judge(game, known), report)
        nowhere = Checkpoints(self.folder)  # shorter than from one checkpoint to the next
        networks = model.networks(known.size)
        fit(self.scans, known, networks, own.recipe(), Place(0, 1, 1), nowhere, [watch])
        return watch.value

    def _judge(self, game: Game, known: conditions.Conditions) -> float:
        average, sizes = game.ema.average, self.scans.sizes()
        sampler = Sampler(average, self.space, sizes, known, game.dtype_of_maps)
        return self.objective(self._as_evaluated(sampler))

    def _as_evaluated(self, sampler: Sampler) -> Images:
        """Volumes as the evaluation reads them: by way of whole HU."""
        drawn = (sampler.sample(seed).volume.hu for seed in range(self.volumes))
        return np.stack([self.space.to_model_range(hu).transpose(2, 1, 0) for hu in drawn])


def shortened(params: Params, images: int) -> train.Params:
    """Return section ``train`` for a training of so many images.

    Its coarse and its fading part keep their share of the whole; learning rates, averages and
    patience stay what they are.

    Raises:
        ParamsError: the section is wrong.
    """
    own = params.section("train", train.Params)
    share = images / own.images
    lengths = {
        "train.images": images,
        "train.coarse_images": min(round(own.coarse_images * share), images - 1),
        "train.fade_images": max(1, round(own.fade_images * share)),
        "train.checkpoint_images": images,
        "train.log_images": min(own.log_images, images),
    }
    return params.changed(lengths).section("train", train.Params)


def points(own: train.Params, count: int) -> list[int]:
    """Images seen at each point, evenly spread over what follows the coarse part.

    Before that the finest layers have learnt nothing, and a step costs a third.
    """
    fine = own.images - own.coarse_images
    return [own.coarse_images + -(-fine * number // count) for number in range(1, count + 1)]
