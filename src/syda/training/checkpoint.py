"""Where an interrupted training goes on.

Checkpoints hold the discriminator, which tells who was trained on: they stay in the working folder,
which neither DVC nor git versions, and are gone once the weights are written. Each training has a
folder of its own, named by what decides its result. A file's name holds the digest of its content,
so that a cut or altered one is noticed.
"""

import hashlib
import io
import shutil
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from syda.runtime import progress
from syda.runtime.outputs import write_bytes
from syda.training.module import Game

KEPT = 2
"""Checkpoints on disk: the newest, and the one before it if that is damaged."""


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: of this training and no other; beside it lie those of others.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def newest(self) -> dict[str, Any] | None:
        """Return the newest state that is whole, or None; name those that are not."""
        for file in reversed(self._files()):
            content = file.read_bytes()
            if _name(_images(file), content) == file.name:
                # On the CPU: else every process would first fill the GPU of the one that saved it.
                state: dict[str, Any] = torch.load(
                    io.BytesIO(content), map_location="cpu", weights_only=True
                )
                return state
            progress.say(f"warning: train: checkpoint {file.name} is damaged and left out")
        return None

    def save(self, images: int, state: dict[str, Any]) -> None:
        """Write the state after so many images; older ones go, and damaged ones."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
        before = self._files()
        for cut in self.folder.glob(".*.partial"):  # of a save that was killed
            cut.unlink()
        write_bytes(self.folder / _name(images, content), content)
        stale = [file for file in before if _images(file) >= images]
        older = [file for file in before if _images(file) < images]
        for file in [*stale, *older[: 1 - KEPT]]:
            if file.name != _name(images, content):
                file.unlink()

    def discard_others(self) -> None:
        """Remove the checkpoints of trainings with other data, code or parameters."""
        if self.folder.parent.is_dir():
            for other in self.folder.parent.iterdir():
                if other != self.folder:
                    shutil.rmtree(other)

    def clear(self) -> None:
        """Remove them all: the weights are written.

        Raises:
            OSError: something stays, which nobody must overlook.
        """
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _files(self) -> list[Path]:
        """In the order of the images."""
        return sorted(self.folder.glob("*.pt"))


class Saving(pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """Restores the state that a training goes on from, and saves it on the way, if it is sound.

    Args:
        checkpoints: where to.
        state: to go on from; None at the start.
        every: images from one checkpoint to the next.
        writes: whether this process is the one that saves.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        state: dict[str, Any] | None,
        *,
        every: int,
        writes: bool,
    ) -> None:
        self._checkpoints = checkpoints
        self._state = state
        self._every = every
        self._writes = writes

    def on_train_start(self, trainer: pl.Trainer, game: Game) -> None:
        """Put the game back to where it was."""
        if self._state is not None:
            game.restore(self._state)
            if self._writes:
                progress.say(f"train: goes on after {game.images_seen} images")

    def on_train_batch_end(
        self, trainer: pl.Trainer, game: Game, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when another ``every`` images are full, but not at the end.

        Raises:
            CheckFailed: weights are not finite, then or at the end.
        """
        seen, batch_size = game.images_seen, game.recipe.batch
        ended = seen >= game.recipe.images
        due = seen // self._every > (seen - batch_size) // self._every
        if due or ended:
            game.check_weights()
        if self._writes and due and not ended:
            self._checkpoints.save(seen, game.state())


def _name(images: int, content: bytes) -> str:
    return f"{images:010d}-{hashlib.sha256(content).hexdigest()[:16]}.pt"


def _images(file: Path) -> int:
    return int(file.name.partition("-")[0])
