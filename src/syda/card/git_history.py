"""The git history of files: their content in a revision, and the commit with a content."""

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from syda.errors import UsageError
from syda.runtime.digest import sha256_of


class GitHistory:
    """The git history of a repository.

    Args:
        root: repository root; it may have no history, as a downloaded archive.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._sha256 = cache(self._digest)  # a blob is in many commits

    def content(self, revision: str, path: str) -> bytes:
        """Return a file as it is in a revision.

        Raises:
            UsageError: no such revision, or no such file in it.
        """
        if self._git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
            raise UsageError(f"{revision}: git knows no such branch, tag or commit here")
        found = self._git("cat-file", "blob", f"{revision}:./{path}")
        if found is None:
            raise UsageError(f"{revision}: has no {path}")
        return found

    def commit_of(self, files: Mapping[str, str]) -> str | None:
        """Return the last commit that changed these files and left them with these digests.

        Args:
            files: path to sha256 of its content.
        """
        if not files:
            return None
        commits = self._git("log", "--format=%H", "HEAD", "--", *files) or b""
        for commit in commits.decode().split():
            if self._holds(commit, files):
                return commit[:12]
        return None

    def head(self) -> tuple[str, str] | None:
        """Return the commit that is checked out and its date; None where there is none."""
        found = self._git("log", "-1", "--format=%H %cs")
        commit, _, date = (found or b"").decode().strip().partition(" ")
        return (commit, date) if commit else None

    def uncommitted(self) -> list[str]:
        """Return the files that differ from the commit that is checked out: paths from the root.

        Raises:
            UsageError: git fails.
        """
        listed = self._git("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
        if listed is None:
            raise UsageError("git cannot list the changed files: `git status` says why")
        return [entry[3:] for entry in listed.decode(errors="replace").split("\0") if entry]

    def _holds(self, commit: str, files: Mapping[str, str]) -> bool:
        listed = self._git("ls-tree", "-r", "-z", commit, "--", *files) or b""
        entries = (entry.split("\t", 1) for entry in listed.decode().split("\0") if entry)
        blobs = {path: listed.split()[2] for listed, path in entries}
        return blobs.keys() == files.keys() and all(
            self._sha256(blobs[path]) == sha256 for path, sha256 in files.items()
        )

    def _digest(self, blob: str) -> str:
        return sha256_of(self._git("cat-file", "blob", blob) or b"")

    def _git(self, *words: str) -> bytes | None:
        """Return what git printed; None if it failed, as without a repository."""
        try:
            done = subprocess.run(["git", *words], cwd=self._root, capture_output=True, check=False)
        except FileNotFoundError:
            raise UsageError("git is not installed, so the history cannot be read") from None
        return done.stdout if done.returncode == 0 else None
