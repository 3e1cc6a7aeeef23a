"""Watches whether a training begins to copy its scans.

At each checkpoint, the distance of synthetic volumes to the nearest training scan is divided by
that of training scans to the nearest scan of another patient. Near 1, synthetic volumes are as far
from the scans as other people are; towards 0 they are copies. The held-out scans are not used: a
training that they stop would have seen them.
"""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from syda.errors import CheckFailed
from syda.model.conditions import ConditionSchema
from syda.model.generator import Generator
from syda.model.layers import downsample
from syda.runtime import progress
from syda.training import schedule
from syda.training.checkpoint import Checkpoints
from syda.training.data import TrainingSet
from syda.training.module import StyleGANModule

SAMPLES = 16
"""Synthetic volumes, the same inputs each time."""

MAX_SIDE = 32
"""Side of the volumes that are compared; finer ones are averaged."""


class DistanceRatio:
    """Ratio of distances to the nearest training scan: synthetic volumes over scans.

    Args:
        training_set: the scans.
        schema: the generator's conditions.

    >>> images = torch.rand(6, 1, 8, 8, 8)
    >>> training_set = TrainingSet(images, [{}] * 6)
    >>> ratio = DistanceRatio(training_set, ConditionSchema.fit([], []))
    >>> ratio.of(images[:3]), ratio.of(torch.rand(3, 1, 8, 8, 8)) > 0.9
    (0.0, True)
    """

    def __init__(self, training_set: TrainingSet, schema: ConditionSchema) -> None:
        self._images = _coarse(training_set.images)
        patients = [case.patient for case in training_set.cases] or range(len(self._images))
        number = {patient: n for n, patient in enumerate(dict.fromkeys(patients))}
        self._patient = torch.tensor([number[patient] for patient in patients])
        self._schema = schema

    def __call__(self, generator: Generator, side: int, dtype: torch.dtype) -> float:
        """Sample a generator at a side and return :meth:`of` the volumes."""
        rng = torch.Generator().manual_seed(0)
        schema, device = self._schema, generator.w_average.device
        conditions = torch.stack([schema.encode(schema.sample(rng, {})) for _ in range(SAMPLES)])
        z = generator.draw_latents(SAMPLES, rng).to(device)
        noise = [layer.to(device) for layer in generator.draw_noise(SAMPLES, rng, side)]
        with torch.no_grad():
            return self.of(generator(z, conditions.to(device), noise, dtype=dtype).cpu())

    def of(self, images: Tensor) -> float:
        """Return the ratio of medians for ``[N, 1, S, S, S]`` volumes, not finer than the scans."""
        synthetic, real = _coarse(images), self._images
        while real.shape[-1] > synthetic.shape[-1]:
            real = downsample(real)
        among = _distances(real, real)
        among[self._patient[:, None] == self._patient] = torch.inf
        nearest = _distances(synthetic, real).amin(dim=1).median()
        return float(nearest / among.amin(dim=1).median())


class CopyingCallback(pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """Logs the ratio at each checkpoint; below a limit it ends the training.

    The weights are then those of the checkpoint before. It comes before the callback that saves.

    Args:
        ratio: measures.
        checkpoints: of this training.
        limit: lowest ratio; 0 never ends a training.
    """

    def __init__(self, ratio: DistanceRatio, checkpoints: Checkpoints, limit: float) -> None:
        self._ratio = ratio
        self._checkpoints = checkpoints
        self._limit = limit

    def on_train_batch_end(
        self, trainer: pl.Trainer, gan: StyleGANModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Measure at every checkpoint and at the end.

        Raises:
            CheckFailed: the ratio is below the limit and there is no checkpoint before.
        """
        due, ended = schedule.checkpoint_due(gan.images_seen, gan.params)
        if not due and not ended:
            return
        side = schedule.stage_at(gan.images_seen - 1, gan.params)[0].side
        found = self._ratio(gan.ema.average, side, gan.activation_dtype)
        gan.curves.open["distance_ratio"] = [found]
        if found < self._limit:
            self._stop(trainer, gan, found)

    def _stop(self, trainer: pl.Trainer, gan: StyleGANModule, found: float) -> None:
        seen, before = gan.images_seen, self._checkpoints.latest()
        what = (
            f"train: after {seen} images synthetic volumes lie {found:.2f} times as far from the "
            f"scans as other patients do, below train.min_distance_ratio={self._limit:g}"
        )
        if before is None:
            raise CheckFailed(f"{what}, and there is no checkpoint before: add scans")
        gan.restore(before)
        trainer.should_stop = True
        progress.log(f"{what}: the weights after {gan.images_seen} images are kept")


def _coarse(images: Tensor) -> Tensor:
    while images.shape[-1] > MAX_SIDE:
        images = downsample(images)
    return images


def _distances(first: Tensor, second: Tensor) -> Tensor:
    """``[N, M]`` Euclidean; a matrix product would lose the digits of near volumes."""
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(first.flatten(1), second.flatten(1), compute_mode=exact)
