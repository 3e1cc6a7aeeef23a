"""What git knows of files: their content in a revision, and the commit that holds a content."""

import hashlib
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from syda.errors import UsageError


class History:
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

    def head(self) -> str | None:
        """Return the commit that is checked out; None where there is none."""
        found = self._git("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return found.decode().strip() if found else None

    def uncommitted(self) -> list[str]:
        """Return what is not as the commit that is checked out has it: paths from the root.

        Raises:
            UsageError: git cannot tell.
        """
        told = self._git("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
        if told is None:
            raise UsageError("git cannot tell what is changed here: `git status` says why")
        return [entry[3:] for entry in told.decode(errors="replace").split("\0") if entry]

    def _holds(self, commit: str, files: Mapping[str, str]) -> bool:
        listed = self._git("ls-tree", "-r", "-z", commit, "--", *files) or b""
        entries = (entry.split("\t", 1) for entry in listed.decode().split("\0") if entry)
        blobs = {path: told.split()[2] for told, path in entries}
        return blobs.keys() == files.keys() and all(
            self._sha256(blobs[path]) == sha256 for path, sha256 in files.items()
        )

    def _digest(self, blob: str) -> str:
        return hashlib.sha256(self._git("cat-file", "blob", blob) or b"").hexdigest()

    def _git(self, *words: str) -> bytes | None:
        """What git printed; None where it says no: no repository, or no such thing in it."""
        try:
            done = subprocess.run(["git", *words], cwd=self._root, capture_output=True, check=False)
        except FileNotFoundError:
            raise UsageError("git is not installed here: the history cannot be asked") from None
        return done.stdout if done.returncode == 0 else None
