"""The same commit gives the same bytes, wherever and whoever."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from training_stages import stages

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

SMALLEST = {
    "phantom.base_subjects": 4,
    "phantom.added_subjects": 1,
    "pack.holdout_share": 0.3,  # two of these four
    "train.stages": stages(12, side=32, coarse=4, first=4),
    "train.log_images": 4,
    "train.pictures": 1,
    "validate.min_cases": 2,
    "generate.count": 2,
}


def build(clone, home, workers):
    """`dvc repro` without a lock, as another user, with a cache and a home of its own."""
    home.mkdir()
    clone.set_params(SMALLEST)
    (clone.root / "dvc.lock").unlink()
    clone.commit("smallest")
    environment = clone.environment() | {
        "LOGNAME": home.name,
        "HOME": str(home),
        "SYDA_WORKERS": str(workers),
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
    }
    return run(clone, environment, "dvc", "repro"), environment


def run(clone, environment, *command):
    done = subprocess.run(
        command,
        cwd=clone.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_two_clones_built_from_nothing_are_byte_for_byte_the_same(make_clone, tmp_path):
    """Other folders, users, homes and numbers of workers; one commit, one machine."""
    clones = [make_clone(tmp_path / name) for name in ("here", "there-and-deeper/clone")]
    homes = [tmp_path / "ann-of-here", tmp_path / "bob-of-there"]
    with ThreadPoolExecutor() as both:
        built = list(both.map(build, clones, homes, (1, 2)))
    for said, _ in built:
        assert "Running stage 'train'" in said

    here, there = (clone.root for clone in clones)
    assert (here / "dvc.lock").read_bytes() == (there / "dvc.lock").read_bytes()
    for clone in clones:
        clone.commit("run")
    names = clones[0].run("git", "ls-files").split()
    assert names == clones[1].run("git", "ls-files").split()
    assert not [n for n in names if (here / n).read_bytes() != (there / n).read_bytes()]

    # and what they wrote keeps the contracts that the committed files keep
    tests = [f"tests/contract/test_{name}.py" for name in ("traces", "card_figures")]
    said = run(clones[1], built[1][1], "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert "skipped" not in said
