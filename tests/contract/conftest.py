"""What DVC, and what each stage, says of the pipeline: neither runs a stage."""

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

from syda.params import STAGES, Section
from syda.runtime import stage as frame

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Told:
    """What a stage tells ``stage.running``, which writes the manifest from it."""

    reads: set[str]
    writes: set[str]
    params: set[str]


class _Enough(Exception):  # noqa: N818  (no error: it was heard)
    """Ends a stage before its work."""


def leaves(value: Any, at: tuple[str, ...] = ()) -> list[str]:
    """Dotted keys of the values in nested mappings."""
    if not isinstance(value, dict) or not value:
        return [".".join(at)]
    return [leaf for key, item in value.items() for leaf in leaves(item, (*at, key))]


def _listen(root: Path, name: str) -> Told:
    """Call a stage's ``run`` up to its work."""
    heard: list[Told] = []

    def running(root: Path, stage: str, item: str | None = None, **told: Any) -> None:
        assert name == (f"{stage}@{item}" if item else stage)
        params = {
            section: value.model_dump(mode="json") if isinstance(value, Section) else value
            for section, value in told["params"].items()
        }
        paths = ({path.as_posix() for path in told[key]} for key in ("reads", "writes"))
        heard.append(Told(*paths, set(leaves(params))))
        raise _Enough

    stage, _, item = name.partition("@")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "running", running)
        with contextlib.suppress(_Enough):
            importlib.import_module(f"syda.stages.{stage}").run(root, *filter(None, [item]))
    (told,) = heard
    return told


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
def told(tmp_path_factory: pytest.TempPathFactory, stages: dict[str, PipelineStage]) -> dict:
    """What each stage tells of itself, by name and item."""
    root = tmp_path_factory.mktemp("told")
    shutil.copy(REPOSITORY / "params.yaml", root)
    for path in (dep.def_path for stage in stages.values() for dep in stage.deps):
        if path.startswith("data/"):
            (root / path).mkdir(parents=True, exist_ok=True)
    return {name: _listen(root, name) for name in stages}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``stage`` once for each stage."""
    if "stage" in metafunc.fixturenames:
        metafunc.parametrize("stage", STAGES)
