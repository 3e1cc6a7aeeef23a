"""Runs the training with Lightning and returns the module with the averaged generator."""

import logging
import signal
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from syda.errors import CheckFailed
from syda.model import memory
from syda.model.conditions import ConditionSchema
from syda.model.discriminator import Discriminator
from syda.model.generator import Generator
from syda.params import ModelParams
from syda.runtime import progress
from syda.training import distributed
from syda.training.checkpoint import CheckpointCallback, Checkpoints
from syda.training.config import TrainParams
from syda.training.copying import CopyingCallback, DistanceRatio
from syda.training.data import Batches, TrainingSet
from syda.training.module import StyleGANModule
from syda.training.posterior import Posterior

EXPECTED_WARNINGS = (
    ".*does not have many workers",  # the batches are in memory
    ".*Your `IterableDataset` has `__len__` defined",  # one process reads them
    ".*module\\(s\\) in eval mode",  # the averaged generator
    ".*isinstance\\(treespec, LeafSpec\\)",  # Lightning's own
    distributed.HAS_SRUN,
)


class ProgressCallback(pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """Shows a bar over images, and the losses."""

    def __init__(self, images: int, seen: int) -> None:
        self._bar = progress.bar(images, "train", "images", seen)

    def on_train_batch_end(
        self, trainer: pl.Trainer, gan: StyleGANModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance by a batch."""
        line = gan.curves.lines[-1] if gan.curves.lines else {}
        shown = {"G": "loss_g", "D": "loss_d", "reconstruction": "reconstruction"}
        values = {short: f"{line[name]:.2f}" for short, name in shown.items() if name in line}
        self._bar.set_postfix(values, refresh=False)
        self._bar.update(gan.images_seen - self._bar.n)

    def on_exception(self, *_: Any) -> None:
        """End the line of the bar before the error message."""
        self._bar.close()

    def teardown(self, trainer: pl.Trainer, gan: StyleGANModule, stage: str) -> None:
        """End the line of the bar."""
        self._bar.close()


class RestoreSigterm(pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """Restores the SIGTERM handler that Lightning replaces.

    Lightning's handler first waits for the other processes, also for those that have ended.
    """

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, gan: StyleGANModule) -> None:
        """Restore the handler; only the main thread may."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)


def fit(
    training_set: TrainingSet,
    schema: ConditionSchema,
    model: ModelParams,
    params: TrainParams,
    processes: distributed.DistributedInfo,
    checkpoints: Checkpoints,
    callbacks: Sequence[pl.Callback] = (),
) -> StyleGANModule:
    """Train from the latest checkpoint if there is one, on a GPU if there is one.

    Args:
        training_set: volumes and properties.
        schema: the properties that condition both networks.
        model: section ``model``.
        params: section ``train``.
        processes: rank and number of processes; each of them calls this.
        checkpoints: of this training.
        callbacks: of the main process.

    Returns:
        The trained module; ``ema.average`` is the generator to release, with its mean style.

    Raises:
        CheckFailed: losses or weights are NaN or infinite, the training has collapsed, or there is
            nothing to reconstruct, or it copied before the first checkpoint.
    """
    memory.disable_malloc_trim()
    networks = model.networks(schema.size)
    with torch.random.fork_rng(devices=[]):  # layers draw from torch's global state
        torch.manual_seed(params.seed)
        generator = Generator(**networks["generator"])
        discriminator = Discriminator(**networks["discriminator"])
        posterior = Posterior(generator.latent_dim, schema.size)
    generator.synthesis.fit_intensity_curve(training_set.images)
    if model.start == "mean":
        generator.synthesis.init_from_mean(training_set.images)
    discriminator.intensity_curve.fit(training_set.images)
    posterior.fit(training_set.images)
    if params.reconstruction.weight > 0 and not posterior.variance > 0:
        raise CheckFailed(
            "train: the training volumes do not differ, so that there is nothing to reconstruct: "
            "add scans, or set train.reconstruction.weight=0 and adversarial stages alone"
        )
    gan = StyleGANModule(generator, discriminator, posterior, schema, params, processes)
    state = checkpoints.latest()
    start = state["steps"] if state else 0
    batches = Batches(
        training_set.images,
        training_set.conditions(schema),
        processes,
        sizes=params.batch_sizes,
        seed=params.seed,
        start=start,
    )
    main = processes.is_main_process
    saving = CheckpointCallback(checkpoints, state, writes=main)
    ratio = DistanceRatio(training_set, schema)
    copying = CopyingCallback(ratio, checkpoints, params.min_distance_ratio)
    shown = [ProgressCallback(params.images, sum(params.batch_sizes[:start])), *callbacks]
    with warnings.catch_warnings():
        for expected in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=expected)
        trainer = _trainer(processes, [RestoreSigterm(), copying, saving, *(shown if main else [])])
        trainer.fit(gan, DataLoader(batches, batch_size=None))
    average = gan.ema.average.cpu()
    rng = torch.Generator().manual_seed(params.seed)
    average.measure_average(training_set.conditions(schema), rng)
    return gan


def _trainer(
    processes: distributed.DistributedInfo, callbacks: Sequence[pl.Callback]
) -> pl.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    cuda, several = torch.cuda.is_available(), processes.world_size > 1
    # Filling uninitialised memory is a debugging aid, and a tenth of a step on a CPU.
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010
    return pl.Trainer(
        accelerator="gpu" if cuda else "cpu",
        devices=processes.local_world_size,
        num_nodes=processes.world_size // processes.local_world_size,
        strategy=distributed.all_reduce_strategy(cuda=cuda) if several else "auto",
        max_epochs=1,
        deterministic=not cuda,
        logger=False,
        callbacks=list(callbacks),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
