import errno

import pytest

from syda.runtime import outputs


def test_json_bytes_are_stable_and_nan_is_refused(tmp_path):
    path = tmp_path / "deep" / "a.json"
    outputs.write_json(path, {"b": 1.5, "a": [None, "ü"]})
    assert (
        path.read_text(encoding="utf-8") == '{\n  "a": [\n    null,\n    "ü"\n  ],\n  "b": 1.5\n}\n'
    )
    with pytest.raises(ValueError, match="not JSON compliant"):
        outputs.write_json(path, {"a": float("nan")})
    assert "1.5" in path.read_text(encoding="utf-8")
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_appears_whole(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    with outputs.replace_folder(target) as folder:
        (folder / "new").touch()
        assert (target / "old").exists()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_what_was_there(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(FileExistsError), outputs.replace_folder(target) as folder:
        folder.mkdir()
    assert [p.name for p in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", [None, "elsewhere"])
def test_a_full_disk_is_said_with_the_place(tmp_path, name):
    target = tmp_path / "out"
    with pytest.raises(OSError, match="No space") as message, outputs.replace_folder(target):
        raise OSError(errno.ENOSPC, "No space left on device", name)
    assert message.value.filename == (name or target)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(type(tmp_path), "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space") as message:
        outputs.write_bytes(tmp_path / "a.json", b"{}")
    assert message.value.filename == tmp_path / "a.json"
    assert list(tmp_path.iterdir()) == []


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")
