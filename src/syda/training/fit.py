"""Run the training with Lightning and return the averaged generator."""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from syda.model.discriminator import Discriminator
from syda.model.generator import Generator
from syda.runtime import progress
from syda.training.data import Batches
from syda.training.module import Game
from syda.training.recipe import Recipe

EXPECTED_WARNINGS = (
    ".*does not have many workers",  # the batches are in memory
    ".*Your `IterableDataset` has `__len__` defined",  # and one process reads them
    ".*module\\(s\\) in eval mode",  # the average of the generator
    ".*isinstance\\(treespec, LeafSpec\\)",  # Lightning's own
)


class Progress(pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """A bar over images, with the losses beside it."""

    def __init__(self, images: int) -> None:
        self._bar = progress.bar(images, "train", "images")

    def on_train_batch_end(
        self, trainer: pl.Trainer, game: Game, outputs: Any, batch: Tensor, batch_idx: int
    ) -> None:
        """Move by a batch."""
        if game.curves.lines:
            line = game.curves.lines[-1]
            self._bar.set_postfix(
                G=f"{line['loss_g']:.2f}", D=f"{line['loss_d']:.2f}", refresh=False
            )
        self._bar.update(len(batch))

    def on_exception(self, *_: Any) -> None:
        """Leave the line of the bar to what is said next."""
        self._bar.close()

    def teardown(self, trainer: pl.Trainer, game: Game, stage: str) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


def fit(
    images: Tensor,
    architecture: dict[str, Any],
    opponent: dict[str, Any],
    recipe: Recipe,
    callbacks: Sequence[pl.Callback] = (),
) -> Game:
    """Train from scratch, on a GPU where there is one.

    Args:
        images: ``[cases, 1, S, S, S]`` in the model range.
        architecture: keyword arguments of the generator.
        opponent: keyword arguments of the discriminator.
        recipe: how to train.
        callbacks: that watch.

    Returns:
        The finished game; ``ema.average`` holds the generator to release, with its mean style.

    Raises:
        CheckFailed: a loss became NaN or infinite.
    """
    with torch.random.fork_rng(devices=[]):  # torch's layers draw from its global state
        torch.manual_seed(recipe.seed)
        generator, discriminator = Generator(**architecture), Discriminator(**opponent)
    generator.synthesis.start_from(images)
    discriminator.tone.fit(images)
    game = Game(generator, discriminator, recipe)
    steps = -(-recipe.images // recipe.batch)
    batches = Batches(images, recipe.batch, steps, recipe.seed)
    trainer = _trainer([Progress(steps * recipe.batch), *callbacks])
    with warnings.catch_warnings():
        for expected in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=expected)
        trainer.fit(game, DataLoader(batches, batch_size=None))
    average = game.ema.average.cpu()
    average.measure_average(torch.Generator().manual_seed(recipe.seed))
    return game


def _trainer(callbacks: list[pl.Callback]) -> pl.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    cuda = torch.cuda.is_available()
    # Filling fresh memory is a debugging aid, and a tenth of a CPU step.
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010
    return pl.Trainer(
        accelerator="gpu" if cuda else "cpu",
        devices=1,
        max_epochs=1,
        deterministic=not cuda,
        logger=False,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
