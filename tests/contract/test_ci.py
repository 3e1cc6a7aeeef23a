"""What CI promises of the repository itself, without running a stage."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from syda import paths
from syda.stages import card

ROOT = Path(__file__).parents[2]


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_committed_cohort_is_the_golden_one():
    manifest = json.loads((ROOT / paths.manifest("phantom", "v0")).read_text())
    tests = (ROOT / "tests/stages/test_phantom.py").read_text()
    (golden,) = re.findall('^GOLDEN_V0 = "([0-9a-f]{64})"$', tests, flags=re.M)  # as .ci/data does
    assert manifest["writes"]["data/raw/v0"]["sha256"] == golden, "`dvc repro`"


def test_the_card_needs_nothing_but_what_is_committed(tmp_path):
    for name in tracked():
        if name.startswith("data/sources/") or name.split("/")[0] in {
            "reports",
            "model_card",
            "params.yaml",
            "pyproject.toml",
            "requirements.lock",
        }:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    for output in (paths.CARD, paths.CARD_HTML, paths.CARD_JSON):
        (tmp_path / output).unlink(missing_ok=True)
    card.run(tmp_path)  # that its bytes are the committed ones is `make verify`'s to say
    assert (tmp_path / paths.CARD).read_text().startswith("# Model card")
    assert (tmp_path / paths.CARD_HTML).read_text().startswith("<!doctype html>")
    assert json.loads((tmp_path / paths.CARD_JSON).read_text())["status"]


def test_make_help_tells_of_every_target():
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY:((?:.*\\\n)*.*)$", makefile, flags=re.M)
    targets = set(phony.replace("\\", "").split())
    assert set(re.findall("^([a-z-]+):.*## .{10,}$", makefile, flags=re.M)) == targets


def test_ci_uses_targets_that_exist():
    used = set(re.findall(r"make (?:--silent )?([a-z][a-z-]+)", (ROOT / ".ci/run").read_text()))
    used |= set(
        re.findall(r"make (?:--silent )?([a-z-]+)", (ROOT / ".github/workflows/ci.yml").read_text())
    )
    assert used <= set(re.findall("^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert used >= {
        "setup", "check", "check-git", "test", "test-exhaustive", "verify", "check-data", "report",
    }  # fmt: skip
