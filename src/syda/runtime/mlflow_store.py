"""The MLflow store of the repository, and logging to it that never stops the work.

``MLFLOW_TRACKING_URI`` names the store if it is set. Else it is a SQLite file in ``.mlflow``.
"""

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from syda.runtime.nested import flatten

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # seconds
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # else minutes without a server
from mlflow import MlflowClient
from mlflow.entities import Param
from mlflow.exceptions import MlflowException


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


def open_store(folder: Path, name: str) -> tuple[MlflowClient, str]:
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
