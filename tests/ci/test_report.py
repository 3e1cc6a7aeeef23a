"""What a pull request's comment says, from two revisions of metrics and card."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/report.py"


def card(**states):
    """card.json with sections s1, s2, ...: owners of the absent values beside three present."""
    return json.dumps(
        {
            "status": {
                number[1:]: {
                    "state": "partial" if owners else "complete",
                    "present": 3,
                    "missing": ["a value"] * len(owners),
                    "owners": owners,
                }
                for number, owners in states.items()
            },
            "sections": {number[1:]: {"title": f"Title {number}"} for number in states},
        }
    )


@pytest.fixture
def project(repo):
    """A DVC repository whose base branch has metrics and a card."""
    repo.add("dvc.yaml", "metrics:\n  - reports/metrics.json\n")
    repo.add(".dvc/config", "[core]\n    analytics = false\n")
    repo.add("reports/metrics.json", '{"ms_ssim": 0.9, "n": 8}')
    repo.add("model_card/card.json", card(s1=["owner"], s2=[], s10=["owner", "counsel"]))
    repo.commit("base")
    repo.git("switch", "-q", "-c", "work")
    return repo


def report(root, base="main", code=0):
    done = subprocess.run(
        [sys.executable, SCRIPT, base], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_no_change(project):
    assert report(project.root) == (
        "### Metrics against `main`\n"
        "\n"
        "No metric differs.\n"
        "\n"
        "### Status of the model card\n"
        "\n"
        "| section | status | in `main` |\n"
        "| --- | --- | --- |\n"
        "| 1 Title s1 | partial, 1 of 4 absent: owner | the same |\n"
        "| 2 Title s2 | complete | the same |\n"
        "| 10 Title s10 | partial, 2 of 5 absent: owner, counsel | the same |\n"
    )


def test_changed_metrics_and_status(project):
    project.add("reports/metrics.json", '{"ms_ssim": 0.85, "n": 8}')
    project.add("model_card/card.json", card(s1=[], s2=[], s10=["counsel"], s11=[]))
    page = report(project.root)
    (row,) = [line for line in page.splitlines() if "ms_ssim" in line]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "reports/metrics.json", "ms_ssim", "0.9", "0.85", "-0.05",
    ]  # fmt: skip
    assert "| n " not in page
    assert "| 1 Title s1 | complete | partial, 1 of 4 absent: owner |" in page
    assert "| 10 Title s10 | partial, 1 of 4 absent: counsel | partial, 2 of 5 " in page
    assert "| 11 Title s11 | complete | no such section |" in page


def test_a_base_without_metrics_and_card(project):
    project.git("switch", "-q", "--orphan", "empty")
    project.add("README.md", "nothing yet")
    project.commit("empty")
    project.git("switch", "-q", "work")
    page = report(project.root, "empty")
    assert "`empty` has no `reports/metrics.json` to compare with." in page
    assert "| 2 Title s2 | complete | no card |" in page


def test_an_unknown_base_is_one_line(project):
    assert report(project.root, "nowhere", code=2) == (
        "report: git ls-tree --name-only nowhere -- reports/metrics.json failed: "
        "fatal: Not a valid object name nowhere\n"
    )


def test_this_repository_against_itself(repository, tmp_path):
    """Of what is committed: a run here may have made other figures since."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(repository), str(clone)], check=True)
    page = report(clone, "HEAD")
    assert page.count("\n| ") == 12  # header, rule, and the checklist's ten sections
