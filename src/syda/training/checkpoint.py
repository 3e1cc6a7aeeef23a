"""Checkpoints, from which an interrupted training continues.

Checkpoints contain the discriminator, which could reveal who was trained on. They stay in the
working folder, outside of DVC and git, and are removed when the weights are written. Each training
has its own folder, named by what determines its result. File names contain the digest of the
content, by which damage is found.
"""

import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytorch_lightning as pl
import torch

from syda.runtime import progress
from syda.runtime.digest import sha256_of, sha256_of_json
from syda.runtime.outputs import write_bytes
from syda.training import schedule
from syda.training.module import StyleGANModule

MAX_CHECKPOINTS = 2
"""Checkpoints on disk: the latest, and one more in case that the latest is damaged."""


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: of this training; its parent holds those of other trainings.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, parent: Path, determines: Mapping[str, Any]) -> Self:
        """Return the checkpoints of the training whose result a document determines."""
        return cls(parent / sha256_of_json(determines))

    def latest(self) -> dict[str, Any] | None:
        """Return the latest undamaged state, or None; warn of damaged files."""
        for file in reversed(self._files()):
            content = file.read_bytes()
            if _name(_images(file), content) == file.name:
                # On the CPU: else all processes would load it to the GPU that it was saved from.
                state: dict[str, Any] = torch.load(
                    io.BytesIO(content), map_location="cpu", weights_only=True
                )
                return state
            progress.log(f"warning: train: checkpoint {file.name} is damaged and was skipped")
        return None

    def save(self, images: int, state: dict[str, Any]) -> None:
        """Write the state at an image count; remove older, later and damaged files."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
        before = self._files()
        for partial in self.folder.glob(".*.partial"):  # of a save that was killed
            partial.unlink()
        write_bytes(self.folder / _name(images, content), content)
        later = [file for file in before if _images(file) >= images]
        older = [file for file in before if _images(file) < images]
        for file in [*later, *older[: 1 - MAX_CHECKPOINTS]]:
            if file.name != _name(images, content):
                file.unlink()

    def discard_others(self) -> None:
        """Remove the checkpoints of trainings with other data, code or parameters."""
        if self.folder.parent.is_dir():
            for other in self.folder.parent.iterdir():
                if other != self.folder:
                    shutil.rmtree(other)

    def clear(self) -> None:
        """Remove all checkpoints of this training.

        Raises:
            OSError: a file could not be removed.
        """
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.pt"))


class CheckpointCallback(pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """Restores the state of an interrupted training, and saves checkpoints.

    Args:
        checkpoints: where to save.
        state: to continue from, or None.
        writes: whether this process saves.
    """

    def __init__(
        self, checkpoints: Checkpoints, state: dict[str, Any] | None, *, writes: bool
    ) -> None:
        self._checkpoints = checkpoints
        self._state = state
        self._writes = writes

    def on_train_start(self, trainer: pl.Trainer, gan: StyleGANModule) -> None:
        """Restore the state."""
        if self._state is not None:
            gan.restore(self._state)
            if self._writes:
                progress.log(f"train: continues after {gan.images_seen} images")

    def on_train_batch_end(
        self, trainer: pl.Trainer, gan: StyleGANModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save every ``checkpoint_images`` images, but not at the end.

        Raises:
            CheckFailed: weights are not finite.
        """
        if trainer.should_stop:  # the state is that of a checkpoint
            return
        due, ended = schedule.checkpoint_due(gan.images_seen, gan.params)
        if due or ended:
            gan.check_weights()
        if self._writes and due:
            self._checkpoints.save(gan.images_seen, gan.state())


def _name(images: int, content: bytes) -> str:
    return f"{images:010d}-{sha256_of(content)[:16]}.pt"


def _images(file: Path) -> int:
    return int(file.name.partition("-")[0])
