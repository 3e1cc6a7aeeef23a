"""Digests of many files at once: each is read once, whatever names it has."""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from syda.runtime import engine, progress

_CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Digest:
    """What a file holds; where it cannot be read, ``error`` says why and the digests are empty."""

    md5: str
    sha256: str
    size: int
    error: str = ""


class Digests:
    """Digests by path; names of one file (hard links, symbolic links) share theirs.

    Args:
        files: existing files.
        label: of the progress bar, which counts bytes.
    """

    def __init__(self, files: Iterable[Path], label: str) -> None:
        self._identity: dict[Path, tuple[int, int]] = {}
        first: dict[tuple[int, int], Path] = {}
        sizes = {}
        for file in files:
            status = file.stat()
            identity = (status.st_dev, status.st_ino)
            self._identity[file] = identity
            first.setdefault(identity, file)
            sizes[identity] = status.st_size
        self.bytes = sum(sizes.values())
        self.files = len(first)
        with (
            progress.bar(self.bytes, label, "B") as bar,
            ThreadPoolExecutor(engine.workers()) as pool,  # hashing lets other threads run
        ):
            bar.unit_scale = True
            found = {}
            for identity, digest in zip(first, pool.map(digest_of, first.values()), strict=True):
                found[identity] = digest
                bar.update(sizes[identity])
        self._digests = found

    def __contains__(self, file: Path) -> bool:
        return file in self._identity

    def __getitem__(self, file: Path) -> Digest:
        return self._digests[self._identity[file]]

    def same(self, one: Path, other: Path) -> bool:
        """Whether two paths are names of one file."""
        known = self._identity
        return one in known and other in known and known[one] == known[other]

    def unreadable(self) -> dict[Path, str]:
        """Files that could not be read, and why."""
        return {file: self[file].error for file in self._identity if self[file].error}


def digest_of(file: Path) -> Digest:
    """Read a file once; md5 is what DVC names it by, sha256 what the manifests do."""
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    try:
        with file.open("rb", buffering=0) as stream:
            buffer = memoryview(bytearray(_CHUNK))
            while count := stream.readinto(buffer):
                md5.update(buffer[:count])
                sha256.update(buffer[:count])
                size += count
    except OSError as error:
        return Digest("", "", 0, os.strerror(error.errno or 0))
    return Digest(md5.hexdigest(), sha256.hexdigest(), size)
