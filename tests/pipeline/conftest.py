"""A temporary clone of the checkout under test, whose pipeline runs with tiny parameters."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import changed_params
from open_gate import OPEN_GATE
from training_stages import stages

REPOSITORY = Path(__file__).parents[2]

TINY = {
    "phantom.base_subjects": 6,
    "phantom.added_subjects": 2,
    "pack.holdout_share": 0.5,
    "model.channels": [8, 8, 8, 8],
    "model.discriminator_channels": [8, 8, 8, 8],
    "train.stages": stages(48, side=32, coarse=8, fade=8, first=8),
    "train.checkpoint_images": 8,
    "train.log_images": 8,
    "train.pictures": 1,
    "train.encoder.images": 50,
    "validate.min_std_hu": 1.0,  # an untrained network draws nearly nothing
    "generate.count": 4,
    "generate.export": 1,
    "generate.gate": OPEN_GATE,
    "evaluate.bootstrap": 100,
    "evaluate.property_vectors": 4,
    "evaluate.seeds": 2,
}
"""Overrides that leave every stage its real work on less of it."""


@dataclass(frozen=True)
class Clone:
    """A working copy with its own git and DVC state."""

    root: Path
    tiny: dict[str, object] = field(default_factory=lambda: dict(TINY))

    def environment(self) -> dict[str, str]:
        """What commands see there: the clone's own code, not the installed one."""
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.root / "src"),
            "DVC_NO_ANALYTICS": "1",
            "SYDA_WORKERS": "1",  # of so few cases; to start more takes longer than their work
        }

    def run(self, *command: str, code: int = 0) -> str:
        """Run a command there and return what it printed, both streams."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{command} gave {done.returncode}:\n{done.stdout}"
        return done.stdout

    def set_params(self, changes: dict[str, object]) -> None:
        """Change keys of params.yaml ("section.key": value)."""
        changed_params.write(self.root, changes, source=self.root)

    def commit(self, message: str) -> None:
        """Commit everything that git does not ignore."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "-m", message)


@pytest.fixture(scope="session")
def make_clone() -> Callable[[Path], Clone]:
    """Put the checkout's files, uncommitted changes included, into a new repository."""

    def make(root: Path) -> Clone:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (REPOSITORY / name).is_file():  # a deleted file is still listed
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, root / name)
        made = Clone(root)
        made.run("git", "init", "-q", "-b", "main")
        made.run("git", "config", "user.name", "test")
        made.run("git", "config", "user.email", "test@example.org")
        made.set_params(TINY)
        made.commit("clone")
        return made

    return make


@pytest.fixture
def clone(make_clone: Callable[[Path], Clone], tmp_path: Path) -> Clone:
    """A clone for one test."""
    return make_clone(tmp_path / "clone")
