import subprocess
import sys

import pytest
from typer.testing import CliRunner

from syda.cli import app


def syda(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "syda", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_of_every_command_has_a_sentence():
    runner = CliRunner()
    listed = runner.invoke(app, ["--help"])
    assert listed.exit_code == 0
    for command in ("phantom", "convert", "resample", "validate", "pack", "train", "generate"):
        assert command in listed.output
        shown = runner.invoke(app, [command, "--help"])
        assert shown.exit_code == 0
        assert "." in shown.output


@pytest.mark.slow
def test_errors_are_one_line_and_the_exit_code_says_which(tmp_path):
    wrong = syda("convert", cwd=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr == "syda: no params.yaml here: run syda from the repository's root\n"
    assert "Traceback" in syda("--debug", "convert", cwd=tmp_path).stderr
    assert syda("nonsense", cwd=tmp_path).returncode == 2


@pytest.mark.slow
def test_a_key_is_made_once(tmp_path):
    assert syda("key", "new", cwd=tmp_path).returncode == 0
    again = syda("key", "new", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
