"""The sections of .ci/run, with stand-ins for make and apt-get: order, verdicts, exit code."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / ".ci/run"
TOOLS = {"chromium": "chromium", "slurmctld": "slurm-wlm"}
TARGETS = ["setup", "check", "check-git", "test", "verify", "check-data", "test-exhaustive"]

MAKE = """#!/bin/sh
echo "$1" >> ../made
[ "$1" = "$MAKES_LITTER" ] && echo litter > litter
[ "$1" != "$FAILS" ]
"""


@pytest.fixture
def ci(repo, tmp_path):
    """Run a copy of .ci/run; ``fails`` is the target of make that fails."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "git", "tr"):
        (tools / name).symlink_to(shutil.which(name))

    def tool(name, script):
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)

    tool("make", MAKE)
    for name in TOOLS:
        tool(name, "#!/bin/sh\n")
    repo.add(".ci/run", RUN.read_bytes()).chmod(0o755)
    repo.git("add", "-A")
    repo.commit("ci")

    def run(code=0, **environment):
        done = subprocess.run(
            [repo.root / ".ci/run"],
            cwd=tmp_path,
            env={"PATH": str(tools), "HOME": os.environ.get("HOME", "/"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        made = (tmp_path / "made").read_text().split()
        (tmp_path / "made").unlink()
        return made, done.stdout

    run.tools, run.tool = tools, tool
    return run


def failed(output):
    return [line for line in output.split("== summary")[1].splitlines() if "FAILED" in line]


def test_every_section_in_order(ci):
    made, output = ci()
    assert made == TARGETS
    assert failed(output) == []
    headings = [line for line in output.splitlines() if line.startswith("== ")]
    assert len(headings) == len(TARGETS) + 4  # browser, cluster; the checkout, the summary
    assert output.count("ok      ") == len(headings) - 1


@pytest.mark.parametrize("target", TARGETS[1:])
def test_a_failed_section_turns_it_red_and_the_others_still_run(ci, target):
    made, output = ci(code=1, FAILS=target)
    assert made == TARGETS
    (line,) = failed(output)
    assert f"`make {target}` ended with exit code 1" in line


def test_nothing_runs_without_the_install(ci):
    made, output = ci(code=1, FAILS="setup")
    assert made == ["setup"]
    assert "`make setup`" in failed(output)[0]


def test_a_section_that_changes_the_checkout_turns_it_red(ci):
    _, output = ci(code=1, MAKES_LITTER="test")
    assert "checkout left as it was" in failed(output)[0]
    assert "not as it was before: ?? litter" in output


@pytest.mark.parametrize("name", TOOLS)
def test_what_is_skipped_without_root_is_said(ci, name):
    (ci.tools / name).unlink()
    ci.tool("apt-get", '#!/bin/sh\necho "apt-get $*"\n')
    ci.tool("id", "#!/bin/sh\necho 1000\n")
    _, output = ci()
    assert f"skipped: no {name}" in output
    assert "apt-get update" not in output


@pytest.mark.parametrize(("name", "package"), TOOLS.items())
def test_root_installs_the_tools_and_a_failed_install_is_red(ci, name, package):
    (ci.tools / name).unlink()
    ci.tool("id", "#!/bin/sh\necho 0\n")
    ci.tool("apt-get", '#!/bin/sh\necho "apt-get $*" >> ../apt\n')
    ci()
    assert f"install -y -qq {package}\n" in (ci.tools.parent / "apt").read_text()
    ci.tool("apt-get", "#!/bin/sh\nexit 100\n")
    assert "exit code 100" in failed(ci(code=1)[1])[0]
