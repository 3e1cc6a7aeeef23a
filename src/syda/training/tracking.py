"""MLflow logging of a training: parameters, curves, sample grids, and tags of data and code.

If the store cannot be reached or written, there is one warning and the training continues: the
pipeline does not read from MLflow. Runs go to ``MLFLOW_TRACKING_URI`` if it is set, else to a
SQLite file in ``.mlflow`` (``make ui``).
"""

import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from syda import paths
from syda.figures.planes import three_planes
from syda.model.conditions import ConditionSchema
from syda.runtime.nested import flatten
from syda.runtime.outputs import write_text
from syda.sampling.sampler import Sampler
from syda.training.module import StyleGANModule
from syda.volume.model_space import ModelSpace

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # seconds
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # else minutes without a server
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

EXPERIMENT = "syda-train"
MODEL = "syda"
"""Name in the model registry, and of the artifact in dvc.yaml."""
POINTER = "weights/dvc.json"
"""Artifact of a run that names the folder and digest of its weights, which are in DVC."""
GRID_SEEDS = range(6)
"""Of the volumes in every sample grid."""


@dataclass(frozen=True)
class SampleGridConfig:
    """Images of volumes from the averaged generator, at equal intervals.

    Attributes:
        count: number of images.
        space: converts volumes to HU.
        size_schema: statistics of the sizes of the training cases.
        schema: the properties that condition the generator.
    """

    count: int
    space: ModelSpace
    size_schema: ConditionSchema
    schema: ConditionSchema


class MlflowLogger:
    """Writes to MLflow until the first failure, which is a warning.

    Args:
        store: folder of the local store, in the repository.
        experiment: its name.
    """

    activity = "training"

    def __init__(self, store: Path, experiment: str) -> None:
        self._store = store
        self._experiment_name = experiment
        self._enabled = True

    def _attempt(self, work: Callable[..., None], *args: Any) -> None:
        """Call a function that uses MLflow; after a failure, warn and do nothing from then on."""
        if not self._enabled:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of SQLAlchemy, in MLflow
                work(*args)
        except (MlflowException, SQLAlchemyError, OSError) as error:
            self._enabled = False
            reason = str(error).partition("\n")[0]
            line = f"warning: {self.activity} continues without MLflow: {reason}"
            tqdm.write(line, file=sys.stderr)

    def _open(self) -> None:
        self._client, self._experiment = open_store(self._store, self._experiment_name)

    def _log_params(self, run: str, values: Mapping[str, Any]) -> None:
        params = [Param(key, str(value)) for key, value in flatten(values).items()]
        self._client.log_batch(run, params=params)


class MlflowCallback(MlflowLogger, pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """Logs a training to MLflow.

    Args:
        store: folder of the local store, in the repository.
        params: nested keys are joined by dots.
        tags: logged with the git commit.
        grids: images of volumes.
        run_file: holds the id of the run until the training has ended.
    """

    def __init__(
        self,
        store: Path,
        *,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        grids: SampleGridConfig,
        run_file: Path,
    ) -> None:
        super().__init__(store, EXPERIMENT)
        self._params = params
        self._tags = {**tags, **git_tags(store.parent)}
        self._grid_config = grids
        self._run_file = run_file
        self._lines = self._grids = self._logged = 0
        self._last = (0.0, 0)
        self._run = ""

    def on_train_start(self, trainer: pl.Trainer, gan: StyleGANModule) -> None:
        """Create a run, or continue the run of an interrupted training."""
        self._grids = self._grids_due(gan)
        self._last = time.monotonic(), gan.images_seen
        self._attempt(self._start)

    def on_train_batch_end(
        self, trainer: pl.Trainer, gan: StyleGANModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log new lines of the curves, and a sample grid if one is due."""
        for line in gan.curves.lines[self._lines :]:
            self._lines += 1
            if line["images"] > self._logged:
                self._attempt(self._log_line, line)
        if self._grids_due(gan) > self._grids:
            self._grids += 1
            self._attempt(self._log_grid, gan)

    def on_train_end(self, trainer: pl.Trainer, gan: StyleGANModule) -> None:
        """Close the run."""
        self._attempt(self._finish, "FINISHED")

    def on_exception(
        self, trainer: pl.Trainer, gan: StyleGANModule, exception: BaseException
    ) -> None:
        """Close the run as failed."""
        self._attempt(self._finish, "FAILED")

    def register(self, sha256: str) -> None:
        """Register the weights as a model version whose source is :data:`POINTER`.

        Args:
            sha256: of the weights file.
        """
        self._attempt(self._register, sha256)

    def _register(self, sha256: str) -> None:
        if not self._client.search_registered_models(f"name='{MODEL}'"):
            self._client.create_registered_model(MODEL)
        tags = {**self._tags, "dvc.path": str(paths.WEIGHTS), "weights.sha256": sha256}
        self._client.log_dict(self._run, tags, POINTER)
        source = f"runs:/{self._run}/{POINTER}"
        self._client.create_model_version(MODEL, source=source, run_id=self._run, tags=tags)

    def _grids_due(self, gan: StyleGANModule) -> int:
        """Return the number of sample grids up to the images seen."""
        return int(self._grid_config.count * min(1.0, gan.images_seen / gan.params.images))

    def _start(self) -> None:
        self._open()
        if self._run_file.exists():
            self._run = self._run_file.read_text(encoding="utf-8")
            self._client.update_run(self._run, status="RUNNING")
            history = self._client.get_metric_history(self._run, "augment")
            self._logged = max((metric.step for metric in history), default=0)
            return
        self._run = self._client.create_run(self._experiment, tags=self._tags).info.run_id
        write_text(self._run_file, self._run)
        self._log_params(self._run, self._params)

    def _log_line(self, line: Mapping[str, float]) -> None:
        images = int(line["images"])
        values = {**line, **self._usage(images)}
        metrics = [
            Metric(name, value, 0, images) for name, value in values.items() if name != "images"
        ]
        self._client.log_batch(self._run, metrics=metrics)

    def _usage(self, images: int) -> dict[str, float]:
        """Return speed and memory since the last line."""
        now, (then, before) = time.monotonic(), self._last
        self._last = now, images
        used = {"system/images_per_second": (images - before) / max(now - then, 1e-9)}
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        used["system/peak_memory_mb"] = kilobytes * 1024 / 1e6
        if torch.cuda.is_available():
            used["system/peak_gpu_memory_mb"] = torch.cuda.max_memory_allocated() / 1e6
        return used

    def _log_grid(self, gan: StyleGANModule) -> None:
        grids = self._grid_config
        sampler = Sampler(
            gan.ema.average, grids.space, grids.size_schema, grids.schema, gan.activation_dtype
        )
        volumes = [sampler.sample(seed).volume for seed in GRID_SEEDS]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{gan.images_seen:08d}.png"
            caption = f"after {gan.images_seen} images"
            three_planes(volumes, path, caption=caption, synthetic=True)
            self._client.log_artifact(self._run, str(path), "samples")

    def _finish(self, status: str) -> None:
        if self._run:
            self._client.set_terminated(self._run, status)


def open_store(folder: Path, name: str = EXPERIMENT) -> tuple[MlflowClient, str]:
    """Return a client and the id of an experiment; create the store and the experiment if new."""
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)  # we report failures in one line
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
    """Return the commit of a repository and whether its files differ; empty without git."""
    answers = [
        subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=False)
        for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    ]
    if any(answer.returncode for answer in answers):
        return {}
    commit, changes = (answer.stdout.strip() for answer in answers)
    return {"git.commit": commit, "git.dirty": str(bool(changes)).lower()}
