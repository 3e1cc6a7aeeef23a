"""The committed inputs of the card, their card and the code, in a small git history."""

import shutil
import subprocess
from pathlib import Path

from syda import paths
from syda.stages import card as stage

REPOSITORY = Path(__file__).parents[1]


def git(root: Path, *words: str) -> str:
    """Run git as somebody, and return what it printed."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", *identity, *words], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def make(root: Path) -> Path:
    """Fill a folder in two commits, code and run; no section is signed and nothing released."""
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    inputs = (
        "data/sources", "reports", "model_card", "params.yaml", "pyproject.toml",
        "requirements.lock",
    )  # fmt: skip
    names = git(REPOSITORY, "ls-files", *inputs).splitlines()
    frozen = f"{paths.RELEASES.as_posix()}/"
    for name in names:
        if not name.startswith(frozen) or name == f"{frozen}README.md":
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, root / name)
    (root / paths.SIGNOFFS).write_text("signoffs: []\n")
    stage.run(root)
    shutil.copytree(
        REPOSITORY / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    git(root, "add", "src")
    git(root, "commit", "-q", "-m", "code")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "run")
    return root
