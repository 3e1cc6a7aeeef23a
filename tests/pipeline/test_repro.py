"""The main job, from end to end, in a clone: `dvc repro`, again, changed, elsewhere; then v1."""

import json
import re

import pytest

pytestmark = pytest.mark.slow


def stages_run(output: str) -> list[str]:
    return re.findall(r"Running stage '([^']+)'", output)


def push_and_pull(clone, folder):
    """A remote, a second clone, no work left there."""
    clone.run("dvc", "remote", "add", "-d", "folder", str(folder / "remote"))
    clone.commit("remote")
    clone.run("dvc", "push")
    other = type(clone)(folder / "other")
    clone.run("git", "clone", "-q", str(clone.root), str(other.root))
    other.run("dvc", "pull")
    assert stages_run(other.run("dvc", "repro")) == []
    assert other.run("git", "status", "--porcelain") == ""


def test_the_whole_pipeline(clone, tmp_path):
    """One test, since each step needs the one before: the first takes a minute or more."""
    first = clone.run("dvc", "repro")
    assert stages_run(first)[-1] == "export"

    metrics = json.loads((clone.root / "reports/metrics.json").read_text())
    assert metrics["n"]["synthetic"] == clone.tiny["generate.count"]
    assert metrics["n"]["train"] + metrics["n"]["holdout"] == clone.tiny["phantom.base_subjects"]
    card = (clone.root / "model_card/model_card.md").read_text()
    assert "SYNTHETIC" in card.upper()
    assert len(list((clone.root / "data/synthetic/physical").glob("*.nii.gz"))) == 1
    for report in ("resampled", "records", "synthetic"):
        assert json.loads((clone.root / f"reports/validation/{report}.json").read_text())

    # git holds text, charts and synthetic pictures; nothing that shows real voxels
    clone.commit("v0")
    tracked = clone.run("git", "ls-files").split()
    assert "reports/evaluation/synthetic.png" in tracked
    assert (clone.root / "reports/gallery.html").stat().st_size < 25e6
    images = {n for n in tracked if re.search(r"real_.*png$|\.(dcm|nii|gz|tfrecord|html)$", n)}
    pages = {f"model_card/{name}.html" for name in ("data_version", "evidence", "model_card")}
    assert images == {"tests/records/data/tensorflow.tfrecord", *pages}

    # nothing to do
    lock = (clone.root / "dvc.lock").read_bytes()
    assert stages_run(clone.run("dvc", "repro")) == []
    assert (clone.root / "dvc.lock").read_bytes() == lock
    assert clone.run("git", "status", "--porcelain") == ""

    # a changed key reruns its stage and what follows, and no more
    clone.set_params({"gallery.real": 2})
    assert stages_run(clone.run("dvc", "repro")) == ["gallery", "card", "export"]
    clone.commit("gallery")

    # the next data version, with the same commands, beside the one before
    clone.run("dvc", "exp", "run", "-S", "data.version=v1", "-S", "generate.truncation=0.6")
    changed = clone.run("dvc", "metrics", "diff", "HEAD", "--md")
    assert re.search(r"n\.train|n\.holdout", changed)
    assert "synthetic" in changed
    assert "generate.truncation" in clone.run("dvc", "params", "diff", "HEAD")
    clone.run("dvc", "plots", "diff", "HEAD", "-o", str(tmp_path / "plots"))
    assert (tmp_path / "plots" / "index.html").is_file()
    clone.commit("v1")
    push_and_pull(clone, tmp_path)
