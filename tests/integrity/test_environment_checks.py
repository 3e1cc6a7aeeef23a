import shutil
from collections import namedtuple

import pytest

from syda.integrity import environment_checks
from syda.integrity.dvc_repository import DvcRepository

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def repository(small, repository):
    shutil.copy(repository / "params.yaml", small.root)
    made = DvcRepository(small.root)
    yield made
    made.close()


def found(check, repository):
    return [str(symptom) for symptom in check(repository)]


def test_space_for_a_full_run_is_what_the_lock_names(repository, monkeypatch):
    need = 8 + 8 + len('{"halves": 2}\n')  # data/halves, data/left, reports/halves.json
    for free, count in ((need - 1, 1), (need, 0)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(0, 0, free))
        assert len(found(environment_checks.little_space, repository)) == count


def test_a_missing_command_is_named(repository, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "dvc" else name)
    assert found(environment_checks.missing_tools, repository) == [
        "dvc is not on PATH: `make setup`, and put .venv/bin on PATH"
    ]


def test_packages_are_held_to_the_lock_file(repository, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: name)
    (repository.root / "requirements.lock").write_text("# a==1\ntyper==0.0.1\nno-such-thing==2\n")
    (line,) = found(environment_checks.missing_tools, repository)
    assert line.startswith("2 packages are not those of requirements.lock: typer ")


def test_code_of_another_checkout_is_named(repository):
    (line,) = found(environment_checks.foreign_code, repository)
    assert line.startswith("syda runs from ")


def test_a_private_version_needs_its_key_and_its_scans(repository):
    assert found(environment_checks.wrong_configuration, repository) == []
    params = repository.root / "params.yaml"
    params.write_text(params.read_text().replace("version: v0 ", "version: v2 "))
    (line,) = found(environment_checks.wrong_configuration, repository)
    assert "syda key new" in line
    (repository.root / ".syda").mkdir()
    (repository.root / ".syda/key").write_text("00" * 32)
    (line,) = found(environment_checks.wrong_configuration, repository)
    assert line == "data/raw/v2 does not exist: put the DICOM there, or `dvc pull` it"


def test_unreadable_params_are_named(repository):
    (repository.root / "params.yaml").write_text("data: [")
    (line,) = found(environment_checks.wrong_configuration, repository)
    assert "\n" not in line
