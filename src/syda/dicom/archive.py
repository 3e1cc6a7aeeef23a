"""Zip and tar archives, read as if they had been unpacked, and refused where they could do harm.

A member's name decides nothing: its content goes to a numbered file of the folder given, so nothing
can be written anywhere else and no name of a person reaches the disk. An archive that holds
something that no export of scans needs is refused as a whole.

Source: PKWARE APPNOTE 6.3.10, 4.3.6 and 4.4.15 (zip); POSIX.1-2017 pax, ustar interchange format.
"""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, Literal

from syda.dicom.reject import Reason, SetAside, guarded

_BLOCK = 512
"""Bytes of a tar header (ustar)."""
_HEADER_BYTES = 1 << 20
"""A member's headers, pax records among them, may take so many bytes."""
_CHUNK = 1 << 20

_OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


@dataclass(frozen=True)
class Limits:
    """What one archive may hold.

    Attributes:
        max_members: files and folders.
        max_file_bytes: of one file, unpacked.
        max_total_bytes: of all of it, unpacked.
        max_ratio: bytes unpacked for each byte of the archive.
    """

    max_members: int
    max_file_bytes: int
    max_total_bytes: int
    max_ratio: float

    def total(self, archive: Path) -> int:
        """Bytes that may come out of this archive."""
        return min(self.max_total_bytes, int(self.max_ratio * archive.stat().st_size))


@dataclass(frozen=True)
class _Member:
    """A member as its archive declares it.

    Attributes:
        name: as stored.
        size: bytes unpacked, as declared.
        kind: what it is; ``other`` for links, devices and the like.
        chunks: reads its content.
    """

    name: str
    size: int
    kind: Literal["file", "folder", "other"]
    chunks: Callable[[], Iterator[bytes]]


def is_archive(path: Path) -> bool:
    """Tell by a file's first bytes whether it is a zip, or a tar, compressed or not."""
    return _kind(path) is not None


def unpack(archive: Path, folder: Path, limits: Limits) -> None:
    """Write the files of an archive into a folder, numbered in their order.

    Args:
        archive: a file for which :func:`is_archive` holds.
        folder: made here. What it holds after an error is to be thrown away.
        limits: what is too much.

    Raises:
        SetAside: unreadable, dangerous or too large; nothing of it should be used.
    """
    folder.mkdir(parents=True)
    members = _zip_members if _kind(archive) == "zip" else _tar_members
    room = limits.total(archive)
    for number, member in enumerate(members(archive, limits), start=1):
        if number > limits.max_members:
            raise SetAside(Reason.ARCHIVE_TOO_LARGE, f"more than {limits.max_members} members")
        _check(member, limits)
        if member.kind == "file":
            with (folder / f"{number:08d}").open("xb") as stream:
                for chunk in member.chunks():
                    room -= len(chunk)
                    if room < 0:
                        raise _too_much(limits)
                    stream.write(chunk)


def _kind(path: Path) -> Literal["zip", "tar"] | None:
    with path.open("rb") as stream:
        head = stream.read(_BLOCK)
    if head[128:132] == b"DICM":  # a preamble may hold anything (PS3.10 7.1)
        return None
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    opener = _opener(head)
    if opener:
        try:
            with guarded(Reason.ARCHIVE_UNREADABLE), opener(path) as stream:
                head = stream.read(_BLOCK)
        except SetAside:  # damaged from the start: nobody can say that it was a tar
            return None
    return "tar" if head[257:262] == b"ustar" else None


def _opener(head: bytes) -> Callable[[Path], Any] | None:
    return next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)


def _check(member: _Member, limits: Limits) -> None:
    windows = PureWindowsPath(member.name)  # splits at both kinds of slash
    if PurePosixPath(member.name).is_absolute() or windows.anchor or ".." in windows.parts:
        raise SetAside(Reason.ARCHIVE_PATH)
    if member.kind == "other":
        raise SetAside(Reason.ARCHIVE_SPECIAL)
    if member.size > limits.max_file_bytes:
        raise SetAside(
            Reason.ARCHIVE_TOO_LARGE, f"{member.size} of {limits.max_file_bytes} bytes in a file"
        )


def _too_much(limits: Limits) -> SetAside:
    return SetAside(
        Reason.ARCHIVE_TOO_LARGE,
        f"more than {limits.max_total_bytes} bytes or {limits.max_ratio:g} times the archive's",
    )


def _chunks(open_: Callable[[], IO[bytes]]) -> Iterator[bytes]:
    with guarded(Reason.ARCHIVE_UNREADABLE), open_() as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _zip_members(archive: Path, limits: Limits) -> Iterator[_Member]:
    with guarded(Reason.ARCHIVE_UNREADABLE), zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
        if sum(entry.file_size for entry in entries) > limits.total(archive):
            raise _too_much(limits)
        for entry in entries:
            mode = stat.S_IFMT(entry.external_attr >> 16)  # 0 where no Unix made it
            plain = mode in (0, stat.S_IFREG, stat.S_IFDIR)
            kind: Literal["file", "folder"] = "folder" if entry.is_dir() else "file"
            yield _Member(
                entry.filename,
                entry.file_size,
                kind if plain else "other",
                partial(_chunks, partial(opened.open, entry)),
            )


class _Header(tarfile.TarInfo):
    """A tar header whose damage is an error: tarfile takes it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "_Header":
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # zeros: the real end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError("damaged header") from error


class _Metered:
    """A decompressed stream that ends with an error where more comes than was allowed.

    Attributes:
        allowed: bytes that may be read before it is set again.
    """

    def __init__(self, stream: IO[bytes], limits: Limits, archive: Path) -> None:
        self._stream = stream
        self._limits = limits
        self._room = limits.total(archive) + _HEADER_BYTES
        self.allowed = 0

    def read(self, size: int) -> bytes:
        """Read as a file does."""
        data = self._stream.read(size)
        self._room -= len(data)
        self.allowed -= len(data)
        if min(self._room, self.allowed) < 0:
            raise _too_much(self._limits)
        return data


def _tar_members(archive: Path, limits: Limits) -> Iterator[_Member]:
    with archive.open("rb") as stream:
        opener = _opener(stream.read(_BLOCK))
    with (
        guarded(Reason.ARCHIVE_UNREADABLE),
        opener(archive) if opener else archive.open("rb") as stream,
    ):
        source = _Metered(stream, limits, archive)
        source.allowed = _HEADER_BYTES
        with tarfile.open(fileobj=source, mode="r|", tarinfo=_Header) as opened:  # type: ignore[call-overload]
            while True:
                source.allowed = _HEADER_BYTES
                member = opened.next()
                if member is None:
                    break
                source.allowed = member.size + _HEADER_BYTES
                yield _tar_member(opened, member)
            _expect_end(opened.fileobj)


def _tar_member(opened: tarfile.TarFile, member: tarfile.TarInfo) -> _Member:
    plain = (member.isreg() or member.isdir()) and not member.issparse()
    kind: Literal["file", "folder"] = "folder" if member.isdir() else "file"

    def content() -> IO[bytes]:
        stream = opened.extractfile(member)
        if stream is None:
            raise SetAside(Reason.ARCHIVE_SPECIAL)
        return stream

    return _Member(member.name, member.size, kind if plain else "other", partial(_chunks, content))


def _expect_end(stream: Any) -> None:
    """Read to the end, where a checksum stands, past the zeros that fill the last record."""
    while chunk := stream.read(_BLOCK):
        if chunk.strip(b"\0"):
            raise SetAside(Reason.ARCHIVE_UNREADABLE, "data after the end")
