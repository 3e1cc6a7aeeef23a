"""Our reading of DVC's files, held against DVC itself."""

import pytest

from syda.errors import CorruptData
from syda.integrity.dvc_repository import DvcRepository, read_lock
from syda.runtime.digest import digest_file, dvc_folder_md5


@pytest.fixture
def opened(small):
    repository = DvcRepository(small.root)
    yield repository
    repository.close()


def test_a_folder_has_the_digest_that_dvc_gave_it(opened):
    base = opened.root / "data/halves"
    files = {
        file.relative_to(base).as_posix(): digest_file(file).md5
        for file in opened.files("data/halves")
    }
    entry = opened.lock()["halves"].outs["data/halves"]
    assert dvc_folder_md5(files) == entry.md5
    assert (entry.size, entry.nfiles) == (8, 2)
    assert opened.listing(entry.md5) == files


def test_what_dvcignore_hides_is_not_seen(opened):
    names = [file.name for file in opened.files("src")]
    assert names == ["halves.sh"]
    assert (opened.root / "src/__pycache__/halves.pyc").exists()


def test_templates_are_expanded(opened):
    declared = opened.declared()
    assert sorted(declared) == ["halves", "whole@left"]
    assert declared["whole@left"].outs == {"data/left": True}
    assert declared["halves"].outs == {"data/halves": True, "reports/halves.json": False}
    assert declared["halves"].params == {"halves"}


ENTRY = "{path: a, hash: md5, md5: d41d8cd98f00b204e9800998ecf8427e, size: 0}"
LOCK = "schema: '2.0'\nstages: {a: {cmd: x, outs: [" + ENTRY + "]}}\n"


def test_a_lock_is_read():
    stage = read_lock(LOCK.encode())["a"]
    assert (stage.cmd, stage.outs["a"].size, stage.outs["a"].nfiles) == ("x", 0, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema", "schemb"),
        ("2.0", "2.1"),
        ("stages", "stagfs"),
        ("cmd", "cmc"),
        ("path", "qath"),
        ("hash: md5", "hash: md4"),
        ("md5: d", "md4: d"),
        ("d41d", "D41d"),
        ("size", "rize"),
        ("size: 0", "size: x"),
        ("}}\n", "}}"),
        ("}}\n", "\n"),
        (LOCK, ""),
        (LOCK, "\xff"),
    ],
)
def test_a_damaged_lock_is_refused(old, new):
    assert old in LOCK
    with pytest.raises(CorruptData, match=r"^dvc\.lock: not readable \(.*\): `syda doctor`$"):
        read_lock(LOCK.replace(old, new, 1).encode("latin-1"))
