"""MLflow logging of a training: parameters, data, curves, sample grids, and tags of data and code.

If the store cannot be reached or written, there is one warning and the training continues: the
pipeline does not read from MLflow. Runs go to ``MLFLOW_TRACKING_URI`` if it is set, else to a
SQLite file in ``.mlflow`` (``make ui``).
"""

import json
import resource
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from syda import paths
from syda.figures.planes import three_planes
from syda.model.conditions import ConditionSchema
from syda.runtime.mlflow_store import MlflowLogger, git_tags
from syda.runtime.outputs import write_text
from syda.sampling.sampler import Sampler
from syda.training.module import StyleGANModule
from syda.volume.model_space import ModelSpace

# MLflow comes after mlflow_store, which sets what MLflow reads when it is imported.
# isort: split
from mlflow.entities import Dataset, DatasetInput, Metric

EXPERIMENT = "syda-train"
DIGEST_LENGTH = 36
"""Most characters of a data set's digest in MLflow."""
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


class MlflowCallback(MlflowLogger, pl.Callback):  # type: ignore[misc]  # Lightning is untyped here
    """Logs a training to MLflow.

    Args:
        store: folder of the local store, in the repository.
        params: nested keys are joined by dots.
        tags: logged with the git commit.
        data: ``version`` and ``index_sha256`` of the records.
        grids: images of volumes.
        run_file: holds the id of the run until the training has ended.
    """

    def __init__(
        self,
        store: Path,
        *,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        data: Mapping[str, Any],
        grids: SampleGridConfig,
        run_file: Path,
    ) -> None:
        super().__init__(store, EXPERIMENT)
        self._params = params
        self._tags = {**tags, **git_tags(store.parent)}
        self._data = data
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
        self._client.log_inputs(self._run, datasets=[DatasetInput(self._dataset(), [])])

    def _dataset(self) -> Dataset:
        """The records that the training reads."""
        return Dataset(
            name=str(self._data["version"]),
            digest=str(self._data["index_sha256"])[:DIGEST_LENGTH],
            source_type="dvc",
            source=json.dumps({"path": paths.RECORDS.as_posix(), **self._data}, sort_keys=True),
        )

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
