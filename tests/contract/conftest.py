"""The pipeline as dvc.yaml declares it and as the code does. No stage runs."""

import contextlib
import importlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from dvc.stage import PipelineStage

from syda.params import STAGES
from syda.runtime import manifest
from syda.runtime import stage as frame
from syda.runtime.nested import flatten

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class StageIO:
    """What a stage passes to ``stage.running``, which writes the manifest from it."""

    reads: set[str]
    writes: set[str]
    params: set[str]


class _EndOfDeclaration(Exception):  # noqa: N818  (no error)
    """Ends a stage before its work."""


def _declaration(root: Path, name: str) -> StageIO:
    """Call a stage's ``run`` up to its work."""
    calls: list[StageIO] = []

    def running(root: Path, stage: str, item: str | None = None, **passed: Any) -> None:
        assert name == (f"{stage}@{item}" if item else stage)
        reads, writes = ({path.as_posix() for path in passed[key]} for key in ("reads", "writes"))
        calls.append(StageIO(reads, writes, set(flatten(manifest.plain(passed["params"])))))
        raise _EndOfDeclaration

    stage, _, item = name.partition("@")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "running", running)
        with contextlib.suppress(_EndOfDeclaration):
            importlib.import_module(f"syda.stages.{stage}").run(root, *filter(None, [item]))
    (call,) = calls
    return call


@pytest.fixture(scope="session")
def dvc(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """DVC on a copy of dvc.yaml, params.yaml and the code, as if all of it had just been run."""
    folder = tmp_path_factory.mktemp("dvc")
    root = folder / "repository"
    root.mkdir()
    for name in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(REPOSITORY / name, root / name)
    shutil.copytree(
        REPOSITORY / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_SITE_CACHE_DIR", str(folder / "site"))
        patch.setenv("DVC_NO_ANALYTICS", os.environ.get("DVC_NO_ANALYTICS", "1"))
        repo = Repo.init(str(root), no_scm=True)
        for stage in repo.index.stages:
            for dep in stage.deps:
                if dep.def_path.startswith(("src/", "params.yaml")):
                    dep.save()
        yield repo
        repo.close()


@pytest.fixture(scope="session")
def stages(dvc: Repo) -> dict[str, PipelineStage]:
    """DVC's stages by name and item, such as ``validate@records``."""
    return {stage.name: stage for stage in dvc.index.stages}


@pytest.fixture(scope="session")
def declared(
    tmp_path_factory: pytest.TempPathFactory, stages: dict[str, PipelineStage]
) -> dict[str, StageIO]:
    """What each stage declares in its code, by name and item."""
    root = tmp_path_factory.mktemp("declared")
    shutil.copy(REPOSITORY / "params.yaml", root)
    for path in (dep.def_path for stage in stages.values() for dep in stage.deps):
        if path.startswith("data/"):
            (root / path).mkdir(parents=True, exist_ok=True)
    return {name: _declaration(root, name) for name in stages}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``stage`` once for each stage."""
    if "stage" in metafunc.fixturenames:
        metafunc.parametrize("stage", STAGES)
