"""What a rebuild may change on another kind of CPU: last digits, and the digests of their files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROUNDING = Path(__file__).parents[2] / ".ci/rounding.py"
REPORT, MANIFEST, LOCK = "reports/validation/a.json", "reports/manifest/b.json", "dvc.lock"


def files(deviation=487.49237926906926, sha256="a", other="c"):
    manifest = {
        "reads": {REPORT: {"sha256": sha256}},
        "writes": {"data/records": {"sha256": other}},
    }
    lock = f"stages: {{b: {{deps: [{{path: {REPORT}, md5: {sha256}}}], cmd: {other}}}}}\n"
    return {
        REPORT: json.dumps({"std": {"max": deviation}, "n": 64, "passed": True}),
        MANIFEST: json.dumps(manifest),
        LOCK: lock,
    }


@pytest.fixture
def rebuilt(repo):
    """Commit one state, leave another in the folder; return exit code and what was said."""

    def run(now):
        for name, text in files().items():
            repo.add(name, text.encode())
        repo.git("add", "-A")
        repo.commit("before")
        for name, text in now.items():
            repo.add(name, text.encode())
        done = subprocess.run(
            [sys.executable, ROUNDING, LOCK, MANIFEST, REPORT],
            cwd=repo.root,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    return run


def test_the_last_digit_and_its_digests_may_differ(rebuilt):
    assert rebuilt(files(487.4923792690692, "b")) == (0, "")


@pytest.mark.parametrize(
    ("now", "named"),
    [
        (files(487.4923793, "b"), REPORT),
        (files() | {REPORT: '{"std": {"max": 487.49237926906926}, "n": 64}'}, REPORT),
        (files(sha256="b", other="d"), MANIFEST),
        (files(sha256="b") | {LOCK: files(other="d")[LOCK]}, LOCK),
    ],
)
def test_nothing_else_may(rebuilt, now, named):
    assert rebuilt(now) == (1, f"{named}: differs by more than rounding\n")
