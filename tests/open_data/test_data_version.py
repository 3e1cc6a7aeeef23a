"""What DVC makes of raw scans: they are added, and not pushed unless a line is removed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from syda.open_data import data_version

pytestmark = pytest.mark.slow


@pytest.fixture
def root(tmp_path):
    """A repository with two raw files and a remote."""
    folder = tmp_path / "repository"
    (folder / "data/raw/v2").mkdir(parents=True)
    (folder / "data/sources").mkdir()
    for name in ("a", "b"):
        (folder / "data/raw/v2" / name).write_text(name)
    run(folder, "git init -q")
    run(folder, "dvc init -q")
    run(folder, f"dvc remote add -d folder {tmp_path / 'remote'}")
    return folder


def run(root, command):
    environment = os.environ | {
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(root / ".site"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def pushed(root):
    run(root, "dvc push")
    return len([path for path in (root.parent / "remote").rglob("*") if path.is_file()])


def printf_of(page):
    """The command of a page that writes the file of DVC."""
    (command,) = re.findall("^printf .*$", page.read_text(), flags=re.M)
    return command


@pytest.mark.parametrize("page", ["README.md", "docs/own-data.md"])
def test_the_scans_of_a_hospital_are_not_pushed_by_default(root, repository, page):
    run(root, printf_of(repository / page))
    run(root, "dvc add data/raw/v2")
    assert pushed(root) == 0
    assert run(root, "git status --porcelain data/raw/v2") == ""


def test_the_scans_of_a_fetch_are_not_pushed_until_the_line_is_removed(root):
    data_version.register(root, "v2", "a-list")
    assert data_version.lists(root) == {"v2": "a-list"}
    run(root, "dvc add data/raw/v2")
    file = root / "data/raw/v2.dvc"
    assert "nfiles: 2" in file.read_text()
    assert not data_version.is_pushed(root, "v2")
    assert pushed(root) == 0

    (root / "data/raw/v2/c").write_text("c")  # the next fetch brings more
    data_version.register(root, "v2", "a-list")
    run(root, "dvc add data/raw/v2")
    (line,) = [text for text in file.read_text().splitlines() if "push: false" in text]
    assert "remove this line to let `dvc push` send them" in line

    file.write_text(file.read_text().replace(f"{line}\n", ""))
    data_version.register(root, "v2", "a-list")
    assert data_version.is_pushed(root, "v2")
    assert pushed(root) == 4  # and the list of the folder


def test_versions_stand_beside_one_another(root):
    data_version.register(root, "v3", "b-list")
    data_version.register(root, "v2", "a-list")
    assert data_version.lists(root) == {"v3": "b-list", "v2": "a-list"}


def test_another_clone_runs_without_the_scans(root):
    """What docs/own-data.md says of a second machine."""
    (root / "dvc.yaml").write_text(
        "stages:\n  copy:\n    cmd: cat data/raw/v2/a data/raw/v2/b > out\n"
        "    deps: [data/raw/v2]\n    outs: [out]\n"
    )
    data_version.register(root, "v2", "a-list")
    run(root, "dvc add data/raw/v2 && dvc repro && dvc push && git add -A")
    run(root, "git -c user.name=test -c user.email=test@example.org commit -q -m run")
    other = root.parent / "other"
    run(root, f"git clone -q . {other}")
    run(other, "dvc pull --allow-missing")
    assert "Running stage" not in run(other, "dvc repro --allow-missing")
    assert (other / "out").read_text() == "ab"
    assert not (other / "data/raw/v2").exists()
