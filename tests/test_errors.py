"""What ends a command is one line: what, where, what to do; the exit code says of which kind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from small_generator import random_generator, release
from syda import cli
from syda.model.conditions import ConditionSchema

pytestmark = pytest.mark.slow

BAR = re.compile(r"\[\d\d:\d\d")
"""The clock of a progress bar."""


def syda(root: Path, *arguments: str, code: int) -> str:
    """Run a command that fails and return its one line, without the ``syda: ``."""
    command = [sys.executable, "-m", "syda", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    return only_line(done.stderr)


def only_line(stderr: str) -> str:
    assert "Traceback" not in stderr
    lines = [line for line in stderr.splitlines() if line.strip() and not BAR.search(line)]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("syda: ")
    return lines[0].removeprefix("syda: ")


@pytest.fixture
def generate_line(monkeypatch, capfd):
    """Run ``syda generate`` in this process, since importing PyTorch takes longest."""

    def run(root: Path, code: int) -> str:
        monkeypatch.chdir(root)
        monkeypatch.setattr(sys, "argv", ["syda", "generate"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == code
        out, err = capfd.readouterr()
        assert out == ""
        return only_line(err)

    return run


def test_no_dicom_in_the_folder(workspace):
    root = workspace()
    (root / "data/raw/v0").mkdir(parents=True)
    (root / "data/raw/v0/notes.txt").write_text("no DICOM")
    line = syda(root, "convert", code=1)
    assert line == (
        "no CT series in data/raw/v0, but 1 other files (not_dicom 1): "
        "docs/own-data.md explains each reason"
    )


def test_a_version_that_does_not_exist(workspace):
    root = workspace({"data.version": "v9"})
    (root / "data/raw/v0").mkdir(parents=True)
    line = syda(root, "convert", code=2)
    assert line == "data/raw/v9 does not exist: put DICOM there, or set data.version to one of v0"


def test_a_missing_private_key(workspace):
    root = workspace({"data.version": "v2"})
    (root / "data/raw/v2").mkdir(parents=True)
    line = syda(root, "convert", code=2)
    assert ".syda/key" in line
    assert "syda key new" in line


def test_a_missing_key_of_params(workspace):
    root = workspace()
    text = (root / "params.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("  shards:")]
    (root / "params.yaml").write_text("\n".join(lines))
    line = syda(root, "pack", code=2)
    assert line.startswith("params.yaml:")
    assert line.endswith("pack.shards: missing key")


def test_a_stage_before_its_input(workspace):
    line = syda(workspace(), "resample", code=2)
    assert line == "resample: data/nifti does not exist: `dvc repro` makes what comes before"


def released(root, **changes):
    schema = ConditionSchema.fit(
        [{"body_width_mm": 300.0 + i} for i in range(3)], ["body_width_mm"]
    )
    generator = random_generator(schema)
    architecture = generator.architecture | changes
    release(root / "data/weights", generator, schema, architecture=architecture)
    (root / "data/records").mkdir()
    return root


def test_a_property_out_of_range(workspace, generate_line):
    root = released(workspace({"generate.properties": {"body_width_mm": -5}}))
    line = generate_line(root, code=2)
    assert line == "body_width_mm=-5.0: no scan has that, must be above 0"


def test_a_property_that_the_model_does_not_know(workspace, generate_line):
    root = released(workspace({"generate.properties": {"kidneys": 3}}))
    line = generate_line(root, code=2)
    assert line.startswith(
        "kidneys: not a property of this model: its properties are body_width_mm ("
    )


def test_weights_of_another_architecture(workspace, generate_line):
    root = released(workspace(), channels=[5, 4])
    line = generate_line(root, code=1)
    assert line.startswith("weights: generator.safetensors is not of the architecture in ")
    assert "train again" in line


@pytest.fixture
def read_only(workspace):
    """A workspace where nothing can be written, even by root."""
    root = workspace()
    if os.geteuid() == 0:
        bound = ["mount", "--bind", str(root), str(root)]
        if subprocess.run(bound, capture_output=True, check=False).returncode:
            pytest.skip("root may write everywhere, and cannot mount here")
        subprocess.run(["mount", "-o", "remount,ro,bind", str(root)], check=True)
        yield root
        subprocess.run(["umount", str(root)], check=True)
    else:
        root.chmod(0o555)
        yield root
        root.chmod(0o755)


def test_a_read_only_folder(read_only):
    line = syda(read_only, "phantom", "v0", code=1)
    assert line.startswith(("phantom v0: Read-only file system: ", "phantom v0: Permission denied"))
    assert ": .work" in line


def in_main(root: Path, body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = f"import sys; from syda import cli\nsys.argv[1:] = {list(arguments)!r}\n{body}"
    command = [sys.executable, "-c", f"{script}\ncli.main()"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_the_unexpected_is_one_line_too_and_debug_shows_where(tmp_path):
    body = "def fail():\n    raise ValueError('one\\ntwo')\ncli.app = fail"
    done = in_main(tmp_path, body, "train")
    assert done.returncode == 1
    assert done.stderr == (
        "syda: train: unexpected ValueError: run `syda --debug train` for its text and traceback, "
        "and report it without what names a patient\n"
    )
    shown = in_main(tmp_path, body, "--debug", "train")
    assert shown.returncode == 1
    assert "in fail" in shown.stderr
    assert "one\ntwo" in shown.stderr
    assert shown.stderr.endswith(done.stderr)


def test_help_of_every_command_says_what_it_does_and_names_its_arguments():
    from typer.main import get_command

    from syda.cli import app

    waiting = [get_command(app)]
    while waiting:
        command = waiting.pop()
        sentence = (command.help or "").strip()
        assert sentence[:1].isupper()
        assert sentence.endswith(".")
        waiting += getattr(command, "commands", {}).values()
        for parameter in command.params:
            assert parameter.help, f"{command.name} {parameter.name}"
