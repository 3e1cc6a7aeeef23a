"""Digests of many files at once. A file is read once, whatever names it has."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from syda.runtime import engine, progress
from syda.runtime.digest import FileDigest, digest_file


class Digests:
    """Digests by path; hard and symbolic links of one file share a digest.

    Args:
        files: existing files.
        label: of the progress bar, which counts bytes.
    """

    def __init__(self, files: Iterable[Path], label: str) -> None:
        self._inode: dict[Path, tuple[int, int]] = {}
        first: dict[tuple[int, int], Path] = {}
        sizes = {}
        for file in files:
            status = file.stat()
            inode = self._inode[file] = status.st_dev, status.st_ino
            first.setdefault(inode, file)
            sizes[inode] = status.st_size
        self.bytes, self.files = sum(sizes.values()), len(first)
        self._digests = {}
        with (
            progress.bar(self.bytes, label, "B") as bar,
            ThreadPoolExecutor(engine.workers()) as pool,  # hashing lets other threads run
        ):
            bar.unit_scale = True
            for inode, digest in zip(first, pool.map(digest_file, first.values()), strict=True):
                self._digests[inode] = digest
                bar.update(sizes[inode])

    def __contains__(self, file: Path) -> bool:
        return file in self._inode

    def __getitem__(self, file: Path) -> FileDigest:
        return self._digests[self._inode[file]]

    def same(self, one: Path, other: Path) -> bool:
        """Whether two paths are names of one file."""
        return one in self and other in self and self._inode[one] == self._inode[other]

    def unreadable(self) -> dict[Path, str]:
        """Files that could not be read, and why."""
        return {file: self[file].error for file in self._inode if self[file].error}
