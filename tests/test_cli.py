import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from syda.cli import app
from syda.errors import CheckFailed, UsageError


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


@pytest.fixture
def scans(workspace, monkeypatch):
    """The current folder: params.yaml, and a folder ``scans`` of two NIfTI files at 1.5 mm."""
    root = workspace({"validate.min_std_hu": 1.0})
    monkeypatch.chdir(root)
    (root / "scans").mkdir()
    for number in range(2):
        voxels = np.random.default_rng(number).integers(-1000, 900, (40, 40, 40), dtype=np.int16)
        image = nib.Nifti1Image(voxels, np.diag([1.5, 1.5, 1.5, 1.0]))
        nib.save(image, root / "scans" / f"scan{number}.nii.gz")
    return root


def test_validate_takes_a_folder_from_elsewhere(scans):
    shown = CliRunner().invoke(app, ["validate", "scans"])
    assert shown.exit_code == 0
    assert shown.stdout.startswith("# Validation of the folder scans\n")
    assert sorted(path.name for path in scans.iterdir()) == ["params.yaml", "scans"]


def test_validate_writes_the_report_of_a_folder_where_it_is_told(scans):
    done = CliRunner().invoke(app, ["validate", "scans", "--output", "report.md"])
    assert (done.exit_code, done.stdout) == (0, "")
    shown = CliRunner().invoke(app, ["validate", "scans"])
    assert (scans / "report.md").read_text() == shown.stdout


def test_validate_fails_for_a_folder_that_breaks_a_rule_and_still_reports(scans):
    (scans / "scans" / "scan1.nii.gz").write_bytes(b"no NIfTI")
    failed = CliRunner().invoke(app, ["validate", "scans"])
    assert isinstance(failed.exception, CheckFailed)
    assert "case scan1" in str(failed.exception)
    assert "**Failed.**" in failed.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["validate", "nothing"], "neither one of resampled, records, synthetic nor a folder"),
        (["validate", "records", "--output", "report.md"], "no --output"),
    ],
)
def test_validate_refuses_what_it_cannot_do(scans, arguments, message):
    refused = CliRunner().invoke(app, arguments)
    assert isinstance(refused.exception, UsageError)
    assert message in str(refused.exception)


@pytest.mark.slow
def test_a_key_is_made_once(tmp_path):
    assert syda("key", "new", cwd=tmp_path).returncode == 0
    again = syda("key", "new", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
