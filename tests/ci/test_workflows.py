"""The workflows for GitHub: the same .ci/run, and no rights for code of a pull request."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

FOLDER = Path(__file__).parents[2] / ".github/workflows"
WORKFLOWS = {
    path.stem: YAML(typ="safe").load(path.read_text(encoding="utf-8"))  # YAML 1.2: `on` is a word
    for path in FOLDER.glob("*.yml")
}


def steps(workflow):
    return [step for job in WORKFLOWS[workflow]["jobs"].values() for step in job["steps"]]


def test_there_are_two():
    assert sorted(WORKFLOWS) == ["ci", "report"]


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_actions_are_pinned_by_commit(name):
    for step in steps(name):
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), step["uses"]


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_no_value_of_an_event_becomes_shell(name):
    for step in steps(name):
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_no_event_gives_a_fork_the_rights_of_the_base(name):
    assert "pull_request_target" not in WORKFLOWS[name]["on"]
    for job in WORKFLOWS[name]["jobs"].values():
        assert job["timeout-minutes"] <= 60


def test_ci_runs_the_same_script_and_may_only_read():
    ci = WORKFLOWS["ci"]
    assert set(ci["on"]) == {"push", "pull_request"}
    assert ci["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in ci["jobs"].values())
    assert ".ci/run" in [step.get("run") for step in steps("ci")]
    (checkout,) = [s for s in steps("ci") if s.get("uses", "").startswith("actions/checkout")]
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}
    (python,) = [s for s in steps("ci") if s.get("uses", "").startswith("actions/setup-python")]
    assert python["with"]["python-version"] == "3.11"


def test_the_report_is_posted_by_a_workflow_that_runs_no_code_of_the_pull_request():
    report = WORKFLOWS["report"]
    assert report["on"] == {
        "workflow_run": {"workflows": [WORKFLOWS["ci"]["name"]], "types": ["completed"]}
    }
    assert report["permissions"] == {}
    (job,) = report["jobs"].values()
    assert job["permissions"] == {"actions": "read", "contents": "read", "pull-requests": "write"}
    assert not [step for step in job["steps"] if "uses" in step]
    (uploaded,) = [s for s in steps("ci") if "upload-artifact" in s.get("uses", "")]
    assert f"--name {uploaded['with']['name']} " in job["steps"][0]["run"]
    assert f"report/{uploaded['with']['path']}" in job["steps"][1]["run"]
