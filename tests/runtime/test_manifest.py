import hashlib
import json
from importlib import metadata

import pytest

from syda.errors import UsageError
from syda.params import load
from syda.runtime import manifest, stage
from syda.runtime.digest import combined_digest, digest_path


def test_digests_of_files_and_folders(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"one")
    (tmp_path / "a" / "y").write_bytes(b"three")
    one = hashlib.sha256(b"one").hexdigest()
    three = hashlib.sha256(b"three").hexdigest()
    assert digest_path(tmp_path / "a" / "x") == {"sha256": one, "files": 1, "bytes": 3}
    whole = hashlib.sha256(f"{one}  x\n{three}  y\n".encode()).hexdigest()
    assert digest_path(tmp_path / "a") == {"sha256": whole, "files": 2, "bytes": 8}


def test_a_renamed_file_changes_the_digest_but_no_name_is_told(tmp_path):
    (tmp_path / "JANE_DOE").write_bytes(b"one")
    before = digest_path(tmp_path)
    (tmp_path / "JANE_DOE").rename(tmp_path / "other")
    assert digest_path(tmp_path) != before
    assert "JANE" not in str(before)


def test_imported_direct_dependencies_are_named_as_the_index_names_them():
    __import__("ruamel.yaml")
    __import__("google_crc32c")
    versions = manifest.package_versions()
    assert versions["ruamel-yaml"] == metadata.version("ruamel.yaml")
    assert versions["google-crc32c"] == metadata.version("google-crc32c")
    assert "pytest" not in versions
    assert not any("+" in version for version in versions.values())


def test_a_finished_stage_has_a_manifest_and_a_failed_one_has_none(workspace):
    root = workspace()
    ct = load(root).ct
    (root / "in").write_text("in")
    reads, writes = [(root / "in").relative_to(root)], [(root / "out").relative_to(root)]
    with stage.running(root, "resample", "v0", reads=reads, writes=writes, params={"ct": ct}):
        (root / "out").write_text("out")
    path = root / "reports" / "manifest" / "resample-v0.json"
    made = json.loads(path.read_text())
    assert made["reads"]["in"]["sha256"] == hashlib.sha256(b"in").hexdigest()
    assert made["params"]["ct"]["spacing_mm"] == 1.5
    assert made["packages"]["pydantic"]
    files = made["code"]["files"]
    assert {"syda/stages/resample.py", "syda/volume/nifti.py"} < set(files)
    assert made["code"]["sha256"] == combined_digest(files.items())
    assert str(root) not in path.read_text()

    with (
        pytest.raises(RuntimeError),
        stage.running(root, "resample", "v0", reads=reads, writes=writes, params={"ct": ct}),
    ):
        raise RuntimeError
    assert not path.exists()


def test_a_missing_input_is_wrong_use(workspace):
    root = workspace()
    missing = (root / "nowhere").relative_to(root)
    with (
        pytest.raises(UsageError, match="demo: nowhere does not exist"),
        stage.running(root, "demo", reads=[missing], writes=[], params={}),
    ):
        pass
