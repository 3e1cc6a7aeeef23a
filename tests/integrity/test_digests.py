import hashlib

import pytest

from syda.integrity.digests import Digests
from syda.runtime import digest
from syda.runtime.digest import digest_file


@pytest.mark.parametrize("size", [0, 1, digest._CHUNK, digest._CHUNK + 1])
def test_both_digests_are_those_of_the_library(tmp_path, size):
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "file").write_bytes(content[:size])
    found = digest_file(tmp_path / "file")
    assert found.md5 == hashlib.md5(content[:size]).hexdigest()
    assert found.sha256 == hashlib.sha256(content[:size]).hexdigest()
    assert (found.size, found.error) == (size, "")


def test_names_of_one_file_are_read_once(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").write_bytes(b"abc")
    names = [tmp_path / name for name in "abc"]
    found = Digests(names, "test")
    assert (found.files, found.bytes) == (2, 6)
    assert found.same(names[0], names[1])
    assert not found.same(names[0], names[2])
    assert found[names[0]] == found[names[2]]
    assert tmp_path / "d" not in found


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    found = Digests([folder], "test")
    assert found.unreadable() == {folder: "Is a directory"}
    assert found[folder].md5 == ""
