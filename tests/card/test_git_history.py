import hashlib
import subprocess

import pytest

from syda.card.git_history import GitHistory
from syda.errors import UsageError


def git(root, *words):
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", *identity, *words], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(root, **files):
    for name, text in files.items():
        (root / name).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "x")
    return git(root, "rev-parse", "HEAD")[:12]


def digests(**files):
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}


@pytest.fixture
def root(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def test_the_commit_is_the_one_that_made_the_files_so(root):
    first = commit(root, a="1", b="1")
    second = commit(root, a="2")
    third = commit(root, b="3")
    commit(root, other="x")
    history = GitHistory(root)
    assert history.commit_of(digests(a="1", b="1")) == first
    assert history.commit_of(digests(a="2", b="1")) == second
    assert history.commit_of(digests(a="2", b="3")) == third
    assert history.commit_of(digests(a="2")) == second
    assert history.commit_of(digests(a="1", b="3")) is None
    assert history.commit_of(digests(never="1")) is None
    assert history.commit_of({}) is None


def test_a_merge_that_first_had_both_is_the_commit(root):
    commit(root, a="1", b="1")
    git(root, "switch", "-q", "-c", "side")
    commit(root, a="2")
    git(root, "switch", "-q", "main")
    commit(root, b="2")
    git(root, "merge", "-q", "--no-edit", "side")
    assert GitHistory(root).commit_of(digests(a="2", b="2")) == git(root, "rev-parse", "HEAD")[:12]


def test_a_folder_without_history_has_no_commit(tmp_path):
    assert GitHistory(tmp_path).commit_of(digests(a="1")) is None


def test_the_content_is_that_of_the_revision(root):
    commit(root, a="1")
    commit(root, a="2")
    assert GitHistory(root).content("HEAD~1", "a") == b"1"
    with pytest.raises(UsageError, match="nothing: git knows no such branch"):
        GitHistory(root).content("nothing", "a")
    with pytest.raises(UsageError, match="HEAD: has no b"):
        GitHistory(root).content("HEAD", "b")
    with pytest.raises(UsageError, match="git knows no such"):
        GitHistory(root).content("--help", "a")
