"""MLflow watches a training: parameters, curves, sample grids, tags that lead to data and code.

The one module that imports MLflow. A store that cannot be reached or written costs one warning, and
the training goes on: what the pipeline needs is in its own files. Runs go to
``MLFLOW_TRACKING_URI`` if that is set, else to a SQLite file under ``.mlflow`` (``make ui``).
"""

import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytorch_lightning as pl
import torch
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from syda.figures.planes import three_planes
from syda.model.conditions import Conditions
from syda.runtime.outputs import write_text
from syda.sampling.sampler import Sampler
from syda.training.module import Game
from syda.volume.model_space import ModelSpace

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # seconds: a training does not wait
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # minutes for a server that is gone
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

EXPERIMENT = "syda-train"
MODEL = "syda"
"""Name in the registry, that of the artifact in dvc.yaml."""
KEPT_AT = "data/weights"
"""Its path there."""
POINTER = "weights/dvc.json"
"""Of a run: where its weights lie, for DVC keeps them and MLflow does not."""
SEARCHES = "syda-tune"
"""Experiment of the studies."""
GRID_SEEDS = range(6)
"""Of the volumes in a sample grid: the same ones throughout the training."""


@dataclass(frozen=True)
class Grids:
    """Pictures of what the averaged generator draws, evenly spread over the training.

    Attributes:
        count: of them.
        space: the way of their volumes back to HU.
        sizes: of the training cases' model voxels, as statistics.
        conditions: the properties that the generator is given.
    """

    count: int
    space: ModelSpace
    sizes: Conditions
    conditions: Conditions


class _Watcher:
    """What is told to MLflow as long as it answers."""

    watched = "training"

    def __init__(self) -> None:
        self._on = True

    def _attempt(self, work: Callable[..., None], *args: Any) -> None:
        """Do it; the first failure is told, and MLflow left alone from then on."""
        if not self._on:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # MLflow's towards SQLAlchemy
                work(*args)
        except (MlflowException, SQLAlchemyError, OSError) as error:
            self._on = False
            reason = str(error).partition("\n")[0]
            line = f"warning: {self.watched} goes on without MLflow: {reason}"
            tqdm.write(line, file=sys.stderr)


class Tracker(_Watcher, pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """Logs a training to MLflow.

    Args:
        store: folder of the local store, in the repository.
        params: logged with nested keys joined by dots.
        tags: beside the git commit, which is found here.
        grids: pictures of volumes on the way.
        memory: file that holds the id of the run until the training has ended.
    """

    def __init__(
        self,
        store: Path,
        *,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        grids: Grids,
        memory: Path,
    ) -> None:
        super().__init__()
        self._store = store
        self._params = dict(flatten(params))
        self._tags = {**tags, **git_tags(store.parent)}
        self._pictures = grids
        self._memory = memory
        self._lines = self._grids = self._logged = 0
        self._last = (0.0, 0)
        self._run = ""

    def on_train_start(self, trainer: pl.Trainer, game: Game) -> None:
        """Open a run with parameters and tags, or go on with that of a stopped training."""
        self._grids = self._due(game)
        self._last = time.monotonic(), game.images_seen
        self._attempt(self._start)

    def on_train_batch_end(
        self, trainer: pl.Trainer, game: Game, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log each new line of the curves, and a grid when its time has come."""
        for line in game.curves.lines[self._lines :]:
            self._lines += 1
            if line["images"] > self._logged:
                self._attempt(self._log_line, line)
        if self._due(game) > self._grids:
            self._grids += 1
            self._attempt(self._log_grid, game)

    def register(self, sha256: str) -> None:
        """Register the released weights as a version of the model, which says where they are.

        DVC keeps them: the version's source is a file of the run that names folder and digest.

        Args:
            sha256: of the weights file.
        """
        self._attempt(self._register, sha256)

    def _register(self, sha256: str) -> None:
        if not self._client.search_registered_models(f"name='{MODEL}'"):
            self._client.create_registered_model(MODEL)
        kept = {"dvc.path": KEPT_AT, "weights.sha256": sha256}
        self._client.log_dict(self._run, {**self._tags, **kept}, POINTER)
        self._client.create_model_version(
            MODEL,
            source=f"runs:/{self._run}/{POINTER}",
            run_id=self._run,
            tags={**self._tags, **kept},
        )

    def _due(self, game: Game) -> int:
        """Grids that belong to the images seen."""
        return int(self._pictures.count * min(1.0, game.images_seen / game.recipe.images))

    def on_train_end(self, trainer: pl.Trainer, game: Game) -> None:
        """Close the run."""
        self._attempt(self._finish, "FINISHED")

    def on_exception(self, trainer: pl.Trainer, game: Game, exception: BaseException) -> None:
        """Close the run as failed."""
        self._attempt(self._finish, "FAILED")

    def _start(self) -> None:
        self._client, experiment = open_store(self._store)
        if self._memory.exists():
            self._run = self._memory.read_text(encoding="utf-8")
            self._client.update_run(self._run, status="RUNNING")
            known = self._client.get_metric_history(self._run, "loss_g")
            self._logged = max((metric.step for metric in known), default=0)
            return
        self._run = self._client.create_run(experiment, tags=self._tags).info.run_id
        write_text(self._memory, self._run)
        params = [Param(key, str(value)) for key, value in self._params.items()]
        self._client.log_batch(self._run, params=params)

    def _log_line(self, line: Mapping[str, float]) -> None:
        images = int(line["images"])
        values = {**line, **self._usage(images)}
        metrics = [
            Metric(name, value, 0, images) for name, value in values.items() if name != "images"
        ]
        self._client.log_batch(self._run, metrics=metrics)

    def _usage(self, images: int) -> dict[str, float]:
        """What the training takes of the machine since the last line."""
        now, (then, before) = time.monotonic(), self._last
        self._last = now, images
        used = {"system/images_per_second": (images - before) / max(now - then, 1e-9)}
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        used["system/peak_memory_mb"] = kilobytes * 1024 / 1e6
        if torch.cuda.is_available():
            used["system/peak_gpu_memory_mb"] = torch.cuda.max_memory_allocated() / 1e6
        return used

    def _log_grid(self, game: Game) -> None:
        grids = self._pictures
        average, dtype = game.ema.average, game.dtype_of_maps
        sampler = Sampler(average, grids.space, grids.sizes, grids.conditions, dtype)
        volumes = [sampler.sample(seed).volume for seed in GRID_SEEDS]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{game.images_seen:08d}.png"
            caption = f"after {game.images_seen} images"
            three_planes(volumes, path, caption=caption, synthetic=True)
            self._client.log_artifact(self._run, str(path), "samples")

    def _finish(self, status: str) -> None:
        if self._run:
            self._client.set_terminated(self._run, status)


class Search(_Watcher):
    """Logs a study of `syda tune`: a run of its own, and one below it for each trial.

    A study that goes on finds its run by the study's identity. Enter it before the first trial.

    Args:
        store: folder of the local store, in the repository.
        study: identity.
        params: of the study's run, logged with nested keys joined by dots.
    """

    watched = "the search"

    def __init__(self, store: Path, study: str, params: Mapping[str, Any]) -> None:
        super().__init__()
        self._store = store
        self._study = study
        self._params = dict(flatten(params))
        self._trial = ""

    def __enter__(self) -> Self:
        self._attempt(self._start)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._attempt(self._finish, "KILLED" if kind else "FINISHED")

    def begin(self, number: int, values: Mapping[str, Any]) -> None:
        """Open the run of a trial, with its number and its values by dotted key."""
        self._attempt(self._begin, number, values)

    def judged(self, images: int, value: float) -> None:
        """Log the objective of the open trial after so many images."""
        self._attempt(self._judged, images, value)

    def end(self, status: str, reason: str = "") -> None:
        """Close the run of the trial: FINISHED, or KILLED for a reason."""
        self._attempt(self._end, status, reason)

    def _start(self) -> None:
        self._client, self._experiment = open_store(self._store, SEARCHES)
        found = self._client.search_runs([self._experiment], f"tags.study = '{self._study}'")
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, "RUNNING")
            below = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{self._run}'"
            for left in self._client.search_runs(
                [self._experiment], f"{below} and attributes.status = 'RUNNING'"
            ):
                self._client.set_terminated(left.info.run_id, "KILLED")
            return
        tags = {"study": self._study, **git_tags(self._store.parent)}
        name = f"study {self._study}"
        self._run = self._client.create_run(self._experiment, tags=tags, run_name=name).info.run_id
        self._log_params(self._run, self._params)

    def _begin(self, number: int, values: Mapping[str, Any]) -> None:
        tags = {MLFLOW_PARENT_RUN_ID: self._run}
        name = f"trial {number}"
        run = self._client.create_run(self._experiment, tags=tags, run_name=name)
        self._trial = run.info.run_id
        self._log_params(self._trial, values)

    def _log_params(self, run: str, values: Mapping[str, Any]) -> None:
        params = [Param(key, str(value)) for key, value in values.items()]
        self._client.log_batch(run, params=params)

    def _judged(self, images: int, value: float) -> None:
        self._client.log_metric(self._trial, "objective", value, step=images)

    def _end(self, status: str, reason: str) -> None:
        if reason:
            self._client.set_tag(self._trial, "reason", reason)
        self._client.set_terminated(self._trial, status)
        self._trial = ""

    def _finish(self, status: str) -> None:
        if self._trial:
            self._client.set_terminated(self._trial, status)
        self._client.set_terminated(self._run, status)


def open_store(folder: Path, name: str = EXPERIMENT) -> tuple[MlflowClient, str]:
    """Return a client and the id of an experiment; create store and experiment where new."""
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)  # a fault is told in one line
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    artifacts = None
    if uri is None:
        folder = folder.resolve()
        folder.mkdir(exist_ok=True)
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        artifacts = (folder / "artifacts").as_uri()
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return client, experiment.experiment_id
    return client, client.create_experiment(name, artifact_location=artifacts)


def git_tags(folder: Path) -> dict[str, str]:
    """Commit of the folder's repository, and whether its files differ; nothing outside of git."""
    answers = [
        subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=False)
        for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    ]
    if any(answer.returncode for answer in answers):
        return {}
    commit, changes = (answer.stdout.strip() for answer in answers)
    return {"git.commit": commit, "git.dirty": str(bool(changes)).lower()}


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings with their keys joined by dots."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
