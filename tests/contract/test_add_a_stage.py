"""The five steps of CONTRIBUTING.md add a stage: the contract tests of a copy hold with it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

STAGE = '''
"""Stage ``inventory``: the names of the resampled scans."""

from pathlib import Path

from syda import paths
from syda.params import Section, load
from syda.runtime import stage
from syda.runtime.outputs import write_json

INVENTORY = paths.REPORTS / "inventory.json"


class InventoryParams(Section):
    """Section ``inventory``."""

    limit: int


def run(root: Path) -> None:
    """Write ``reports/inventory.json``."""
    section = load(root).section("inventory", InventoryParams)
    with stage.running(
        root,
        "inventory",
        reads=[paths.RESAMPLED],
        writes=[INVENTORY],
        params={"inventory": section},
    ):
        names = sorted(file.name for file in (root / paths.RESAMPLED).iterdir())
        write_json(root / INVENTORY, names[: section.limit])
'''

COMMAND = '''
@app.command()
def inventory() -> None:
    """List the resampled scans (reports/inventory.json)."""
    from syda.stages import inventory

    inventory.run(Path.cwd())


@app.command()
def gallery('''

SECTION = """
inventory:                     # stage: list of scans
  limit: 1                     # number of names
"""

PIPELINE = """
  inventory:
    desc: "The names of the resampled scans"
    cmd: syda inventory
    params: [inventory]
    deps:
      - data/resampled
      - src/syda/stages/inventory.py
    outs:
      - reports/inventory.json: {cache: false}
      - reports/manifest/inventory.json: {cache: false}

artifacts:"""


@pytest.mark.slow
def test_five_steps_add_a_stage(tmp_path: Path) -> None:
    for name in ("src", "tests/contract"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)

    def replace(name: str, old: str, new: str) -> None:
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (tmp_path / name).write_text(text.replace(old, new), encoding="utf-8")

    (tmp_path / "src/syda/stages/inventory.py").write_text(STAGE.lstrip())
    replace("src/syda/cli.py", "\n@app.command()\ndef gallery(", COMMAND)
    replace("params.yaml", "\nevaluate:", f"{SECTION}\nevaluate:")
    replace("dvc.yaml", "\nartifacts:", PIPELINE)

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path / "src"), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (tmp_path / "data/resampled").mkdir(parents=True)
    for case in ("a.nii.gz", "b.nii.gz"):
        (tmp_path / "data/resampled" / case).touch()
    run("syda", "inventory")
    assert json.loads((tmp_path / "reports/inventory.json").read_text()) == ["a.nii.gz"]
    files = [f"tests/contract/test_{name}.py" for name in ("pipeline", "reruns", "layers")]
    passed = run("pytest", "-q", "-p", "no:cacheprovider", *files, "-k", "inventory or everywhere")
    assert "passed" in passed
