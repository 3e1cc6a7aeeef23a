"""Run the training with Lightning and return the averaged generator."""

import logging
import signal
import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from syda.model import memory
from syda.model.conditions import Conditions
from syda.model.discriminator import Discriminator
from syda.model.generator import Generator
from syda.runtime import progress
from syda.training import devices
from syda.training.checkpoint import Checkpoints, Saving
from syda.training.data import Batches, Scans
from syda.training.module import Game
from syda.training.recipe import Recipe

EXPECTED_WARNINGS = (
    ".*does not have many workers",  # the batches are in memory
    ".*Your `IterableDataset` has `__len__` defined",  # and one process reads them
    ".*module\\(s\\) in eval mode",  # the average of the generator
    ".*isinstance\\(treespec, LeafSpec\\)",  # Lightning's own
    devices.HAS_SRUN,
)


class Progress(pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """A bar over images, with the losses beside it."""

    def __init__(self, images: int, seen: int) -> None:
        self._bar = progress.bar(images, "train", "images", seen)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        game: Game,
        outputs: Any,
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        """Move by a batch."""
        if game.curves.lines:
            line = game.curves.lines[-1]
            self._bar.set_postfix(
                G=f"{line['loss_g']:.2f}", D=f"{line['loss_d']:.2f}", refresh=False
            )
        self._bar.update(game.recipe.batch)

    def on_exception(self, *_: Any) -> None:
        """Leave the line of the bar to what is said next."""
        self._bar.close()

    def teardown(self, trainer: pl.Trainer, game: Game, stage: str) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


class OwnSignal(pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """Gives SIGTERM back to who handled it before Lightning did.

    Lightning's own handler first agrees with the other processes, and waits for those that are no
    longer there.
    """

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, game: Game) -> None:
        """Put the handler back; signals belong to the main thread."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)


def fit(
    scans: Scans,
    conditions: Conditions,
    networks: Mapping[str, dict[str, Any]],
    recipe: Recipe,
    place: devices.Place,
    checkpoints: Checkpoints,
    callbacks: Sequence[pl.Callback] = (),
) -> Game:
    """Train, on a GPU where there is one, from the newest checkpoint where there is one.

    Args:
        scans: what is learnt from.
        conditions: the properties that both sides are given.
        networks: keyword arguments of ``generator`` and ``discriminator``.
        recipe: how to train.
        place: which of several processes this is; each of them calls this.
        checkpoints: of this very training.
        callbacks: that watch.

    Returns:
        The finished game; ``ema.average`` holds the generator to release, with its mean style.

    Raises:
        CheckFailed: losses or weights became NaN or infinite, or one side has won for long.
    """
    memory.keep()
    with torch.random.fork_rng(devices=[]):  # torch's layers draw from its global state
        torch.manual_seed(recipe.seed)
        generator, discriminator = (
            Generator(**networks["generator"]),
            Discriminator(**networks["discriminator"]),
        )
    generator.synthesis.start_from(scans.images)
    discriminator.tone.fit(scans.images)
    game = Game(generator, discriminator, conditions, recipe, place)
    steps = -(-recipe.images // recipe.batch)
    told = scans.told(conditions)
    state = checkpoints.newest()
    start = state["steps"] if state else 0
    batches = Batches(
        scans.images,
        told,
        place,
        batch=recipe.batch,
        count=steps,
        seed=recipe.seed,
        start=start,
    )
    saving = Saving(checkpoints, state, every=recipe.checkpoint_images, writes=place.first)
    shown = [Progress(steps * recipe.batch, start * recipe.batch), *callbacks]
    with warnings.catch_warnings():
        for expected in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=expected)
        trainer = _trainer(place, [OwnSignal(), saving, *(shown if place.first else [])])
        trainer.fit(game, DataLoader(batches, batch_size=None))
    average = game.ema.average.cpu()
    average.measure_average(torch.Generator().manual_seed(recipe.seed))
    return game


def _trainer(place: devices.Place, callbacks: list[pl.Callback]) -> pl.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    cuda = torch.cuda.is_available()
    # Filling fresh memory is a debugging aid, and a tenth of a CPU step.
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010
    return pl.Trainer(
        accelerator="gpu" if cuda else "cpu",
        devices=place.local,
        num_nodes=place.world // place.local,
        strategy="auto" if place.world == 1 else devices.averaged(cuda=cuda),
        max_epochs=1,
        deterministic=not cuda,
        logger=False,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
