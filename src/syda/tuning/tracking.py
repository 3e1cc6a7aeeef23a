"""MLflow logging of ``syda tune``: a run for the study, and a child run for each trial."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from syda.runtime.mlflow_store import MlflowLogger, git_tags

EXPERIMENT = "syda-tune"
PARENT_TAG = "mlflow.parentRunId"
"""Tag by which MLflow shows a run as the child of another."""


class StudyLogger(MlflowLogger):
    """Logs a study to MLflow; a context manager around its trials.

    A study that continues finds its run by its identity.

    Args:
        store: folder of the local store, in the repository.
        study: identity of the study.
        params: of the study's run; nested keys are joined by dots.
    """

    activity = "the search"

    def __init__(self, store: Path, study: str, params: Mapping[str, Any]) -> None:
        super().__init__(store, EXPERIMENT)
        self._study = study
        self._params = params
        self._trial = ""

    def __enter__(self) -> Self:
        self._attempt(self._start)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._attempt(self._finish, "KILLED" if kind else "FINISHED")

    def begin(self, number: int, values: Mapping[str, Any]) -> None:
        """Create the run of a trial, with its values by dotted key."""
        self._attempt(self._begin, number, values)

    def log(self, images: int, value: float) -> None:
        """Log the objective of the current trial."""
        self._attempt(self._log, images, value)

    def end(self, status: str, reason: str = "") -> None:
        """Close the run of the trial: FINISHED, or KILLED for a reason."""
        self._attempt(self._end, status, reason)

    def _start(self) -> None:
        self._open()
        found = self._client.search_runs([self._experiment], f"tags.study = '{self._study}'")
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, "RUNNING")
            unfinished = f"tags.`{PARENT_TAG}` = '{self._run}' and attributes.status = 'RUNNING'"
            for run in self._client.search_runs([self._experiment], unfinished):
                self._client.set_terminated(run.info.run_id, "KILLED")
            return
        tags = {"study": self._study, **git_tags(self._store.parent)}
        self._run = self._create(tags, f"study {self._study}", self._params)

    def _create(self, tags: dict[str, Any], name: str, params: Mapping[str, Any]) -> str:
        run = self._client.create_run(self._experiment, tags=tags, run_name=name).info.run_id
        self._log_params(run, params)
        return str(run)

    def _begin(self, number: int, values: Mapping[str, Any]) -> None:
        self._trial = self._create({PARENT_TAG: self._run}, f"trial {number}", values)

    def _log(self, images: int, value: float) -> None:
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
