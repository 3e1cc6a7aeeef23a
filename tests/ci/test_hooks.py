"""pre-commit, as `make hooks` installs it: a commit with a scan in it is not made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
HOOKS = YAML(typ="safe").load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def hooked(repo, monkeypatch, tmp_path):
    """A repository with the hooks installed, and this environment as its .venv."""
    (repo.root / ".venv").mkdir()
    (repo.root / ".venv/bin").symlink_to(Path(sys.executable).parent)
    for name in (".pre-commit-config.yaml", ".gitignore", "pyproject.toml"):
        repo.add(name, (ROOT / name).read_bytes())
    repo.add(".ci/refuse_data.py", (ROOT / ".ci/refuse_data.py").read_bytes())
    repo.commit("before the hooks")
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))
    monkeypatch.setenv("SKIP", "mypy")  # reads all of src; `make check` runs it
    install = [sys.executable, "-m", "pre_commit", "install"]
    subprocess.run(install, cwd=repo.root, check=True, capture_output=True)
    return repo


def commit(repo):
    done = subprocess.run(
        ["git", "commit", "-m", "change"],
        cwd=repo.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    )
    return done.returncode, done.stdout


def test_a_scan_under_another_name_is_refused(hooked):
    image = nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4))
    hooked.add("notes.txt", image.to_bytes())
    code, output = commit(hooked)
    assert code == 1
    assert "notes.txt: NIfTI-1: `git rm --cached notes.txt`, then `dvc add notes.txt`" in output
    hooked.git("rm", "-q", "--cached", "notes.txt")
    hooked.add("README.md", "hello\n")
    assert commit(hooked)[0] == 0


def test_faults_of_lint_and_format_are_refused(hooked):
    hooked.add("a.py", '"""A module."""\n\nimport os\n')
    code, output = commit(hooked)
    assert code == 1
    assert "F401" in output
    hooked.add("a.py", '"""A module."""\n\nx = {"a":1}\n')
    code, output = commit(hooked)
    assert code == 1
    assert "files were modified by this hook" in output
    hooked.git("add", "a.py")  # formatted by the hook
    assert commit(hooked)[0] == 0


def test_hooks_need_no_network_and_run_what_is_there():
    (repo,) = HOOKS["repos"]
    assert repo["repo"] == "local"
    for hook in repo["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")
        tool, *rest = hook["entry"].removeprefix(".venv/bin/").split()
        assert shutil.which(tool, path=str(Path(sys.executable).parent))
        if tool == "python":
            assert (ROOT / rest[0]).is_file()
