"""A small repository with two DVC stages, hand-made, and the means to damage it."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

PIPELINE = """\
stages:
  halves:
    cmd: sh src/halves.sh
    deps: [src]
    params: [halves]
    outs: [data/halves, {reports/halves.json: {cache: false}}]
  whole:
    matrix: {side: [left]}
    cmd: mkdir -p data && cat data/halves/one data/halves/deep/two > data/${item.side}
    deps: [data/halves]
    outs: [data/left]
"""

SCRIPT = """\
mkdir -p data/halves/deep reports
echo one > data/halves/one
echo two > data/halves/deep/two
echo '{"halves": 2}' > reports/halves.json
"""


@dataclass(frozen=True)
class Small:
    """A small repository."""

    root: Path

    def run(self, *command: str, code: int = 0) -> str:
        """Run a command there and return what it printed."""
        environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{command} gave {done.returncode}:\n{done.stdout}"
        return done.stdout

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def object_of(self, path: str) -> Path:
        """The cache object of a file that is as DVC stored it."""
        content = (self.root / path).read_bytes()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return self.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


@pytest.fixture
def flip() -> Callable[[Path], None]:
    """Flip one bit in the middle of a file; keep size, mode and modification time, as DVC looks."""

    def flipped(path: Path, at: int | None = None) -> None:
        status = path.stat()
        content = bytearray(path.read_bytes())
        content[len(content) // 2 if at is None else at] ^= 1
        path.chmod(status.st_mode | 0o200)
        with path.open("r+b") as stream:  # in place: every name of the file sees it
            stream.write(content)
        path.chmod(status.st_mode)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    return flipped


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = Small(tmp_path_factory.mktemp("small") / "repository")
    small.root.mkdir()
    small.run("git", "init", "-q", "-b", "main")
    small.run("git", "config", "user.name", "test")
    small.run("git", "config", "user.email", "test@example.org")
    small.run("dvc", "init", "-q")
    small.write(".dvcignore", "__pycache__/\n")
    small.write("dvc.yaml", PIPELINE)
    small.write("params.yaml", "halves: {number: 2, of: [1, 1e-4]}\n")
    small.write("src/halves.sh", SCRIPT)
    small.write("src/__pycache__/halves.pyc", "ignored")
    small.run("dvc", "repro", "-q")
    small.run("git", "add", "-A")
    small.run("git", "commit", "-q", "-m", "run")
    return small.root


@pytest.fixture
def small(_made: Path, tmp_path: Path) -> Small:
    """A copy of the repository with its run finished; ``data/left`` is a link into the cache."""
    root = tmp_path / "repository"
    shutil.copytree(_made, root)
    copy = Small(root)
    stored = copy.object_of("data/left")
    (root / "data/left").unlink()
    (root / "data/left").hardlink_to(stored)
    return copy
