"""A released generator, outside any repository, and the command line beside it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from small_generator import random_generator, release
from syda.model.conditions import ConditionSchema

CONDITIONS = ConditionSchema.fit(
    [{"body_width_mm": 300.0 + 10 * i, "sex": "FM"[i % 2]} for i in range(11)],
    ["body_width_mm", "sex"],
)


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Folder of weights with a numeric and a categorical condition."""
    return release(tmp_path / "release", random_generator(CONDITIONS), CONDITIONS)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which holds nothing."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def syda() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run the command in the current folder."""
    return lambda *arguments: subprocess.run(
        [sys.executable, "-m", "syda", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
