"""Zip and tar archives, and single compressed files: unpacked, or rejected where they could harm.

The content of a member goes to a numbered file. Its name is not used, so nothing can be written
outside the given folder, and no name of a person reaches the disk.

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

from syda.dicom import bare
from syda.dicom.config import ArchiveParams
from syda.dicom.reject import InputRejected, Reason, reject_on_error

_BLOCK = 512
"""Size of a tar header, bytes (ustar)."""
_HEADER_BYTES = 1 << 20
"""Largest size of the headers of a member, with its pax records."""
_CHUNK = 1 << 20

_OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}

_UNSUPPORTED = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd", b"\x1f\x9d")
"""First bytes of 7z, RAR, zstd and compress."""


@dataclass(frozen=True)
class _Member:
    """A member as its archive declares it.

    Attributes:
        name: stored path.
        size: declared size when unpacked, bytes.
        kind: ``other`` stands for links, devices and so on.
        chunks: function that reads the content.
    """

    name: str
    size: int
    kind: Literal["file", "folder", "other"]
    chunks: Callable[[], Iterator[bytes]]


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive, or a compressed DICOM file."""
    return _kind(path) is not None


def is_packed_file(path: Path) -> bool:
    """Return whether a file is a single compressed DICOM file."""
    return _kind(path) == "packed"


def unpack(archive: Path, folder: Path, params: ArchiveParams) -> None:
    """Write the files of an archive into a folder, numbered in their order.

    Args:
        archive: a file for which :func:`is_archive` is true.
        folder: new folder. Its content is incomplete after an error.
        params: limits of an archive.

    Raises:
        InputRejected: the archive is unreadable, dangerous, too large or of an unsupported kind.
    """
    folder.mkdir(parents=True)
    kind = _kind(archive) or "tar"
    if kind == "unsupported":
        raise InputRejected(Reason.ARCHIVE_UNREADABLE, "7z, RAR, zstd or compress: use zip or tar")
    members = _MEMBERS[kind]
    remaining = params.max_unpacked_bytes(archive)
    for number, member in enumerate(members(archive, params), start=1):
        if number > params.max_members:
            raise InputRejected(Reason.ARCHIVE_TOO_LARGE, f"more than {params.max_members} members")
        _check(member, params)
        if member.kind == "file":
            with (folder / f"{number:08d}").open("xb") as stream:
                for chunk in member.chunks():
                    remaining -= len(chunk)
                    if remaining < 0:
                        raise _too_large(params)
                    stream.write(chunk)


def _kind(path: Path) -> Literal["zip", "tar", "packed", "unsupported"] | None:
    with path.open("rb") as stream:
        head = stream.read(_BLOCK)
    if head[128:132] == b"DICM":  # the preamble may hold any bytes (PS3.10 7.1)
        return None
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(_UNSUPPORTED):
        return "unsupported"
    opener = _opener(head)
    if opener:
        try:
            with reject_on_error(Reason.ARCHIVE_UNREADABLE), opener(path) as stream:
                head = stream.read(_BLOCK)
        except InputRejected:  # damaged so early that it cannot be recognised as a tar
            return None
        if bare.is_dicom(head):
            return "packed"
    return "tar" if head[257:262] == b"ustar" else None


def _opener(head: bytes) -> Callable[[Path], Any] | None:
    return next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)


def _check(member: _Member, params: ArchiveParams) -> None:
    windows = PureWindowsPath(member.name)  # splits at both kinds of slash
    if PurePosixPath(member.name).is_absolute() or windows.anchor or ".." in windows.parts:
        raise InputRejected(Reason.ARCHIVE_PATH)
    if member.kind == "other":
        raise InputRejected(Reason.ARCHIVE_SPECIAL)
    if member.size > params.max_file_bytes:
        raise InputRejected(
            Reason.ARCHIVE_TOO_LARGE, f"{member.size} of {params.max_file_bytes} bytes in a file"
        )


def _too_large(params: ArchiveParams) -> InputRejected:
    return InputRejected(
        Reason.ARCHIVE_TOO_LARGE,
        f"more than {params.max_total_mb:g} MB or {params.max_ratio:g} times the archive's size",
    )


def _chunks(open_: Callable[[], IO[bytes]]) -> Iterator[bytes]:
    with reject_on_error(Reason.ARCHIVE_UNREADABLE), open_() as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _zip_members(archive: Path, params: ArchiveParams) -> Iterator[_Member]:
    with reject_on_error(Reason.ARCHIVE_UNREADABLE), zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
        if sum(entry.file_size for entry in entries) > params.max_unpacked_bytes(archive):
            raise _too_large(params)
        for entry in entries:
            mode = stat.S_IFMT(entry.external_attr >> 16)  # 0 if not made on Unix
            plain = mode in (0, stat.S_IFREG, stat.S_IFDIR)
            kind: Literal["file", "folder"] = "folder" if entry.is_dir() else "file"
            yield _Member(
                entry.filename,
                entry.file_size,
                kind if plain else "other",
                partial(_chunks, partial(opened.open, entry)),
            )


class _Header(tarfile.TarInfo):
    """A tar header that raises an error if damaged: tarfile would see the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "_Header":
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the real end: zeros
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError("damaged header") from error


class _LimitedStream:
    """A decompressed stream that raises an error when more bytes come than allowed.

    Attributes:
        allowed: bytes that may be read until it is set again.
    """

    def __init__(self, stream: IO[bytes], params: ArchiveParams, archive: Path) -> None:
        self._stream = stream
        self._params = params
        self._remaining = params.max_unpacked_bytes(archive) + _HEADER_BYTES
        self.allowed = 0

    def read(self, size: int) -> bytes:
        """Read as a file does."""
        data = self._stream.read(size)
        self._remaining -= len(data)
        self.allowed -= len(data)
        if min(self._remaining, self.allowed) < 0:
            raise _too_large(self._params)
        return data


def _tar_members(archive: Path, params: ArchiveParams) -> Iterator[_Member]:
    with archive.open("rb") as stream:
        opener = _opener(stream.read(_BLOCK))
    with (
        reject_on_error(Reason.ARCHIVE_UNREADABLE),
        opener(archive) if opener else archive.open("rb") as stream,
    ):
        source = _LimitedStream(stream, params, archive)
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
            raise InputRejected(Reason.ARCHIVE_SPECIAL)
        return stream

    return _Member(member.name, member.size, kind if plain else "other", partial(_chunks, content))


def _expect_end(stream: Any) -> None:
    """Read past the zeros of the last record to the end of the file, where a checksum stands."""
    while chunk := stream.read(_BLOCK):
        if chunk.strip(b"\0"):
            raise InputRejected(Reason.ARCHIVE_UNREADABLE, "data after the end")


def _packed_member(archive: Path, params: ArchiveParams) -> Iterator[_Member]:
    """Yield the one file of a compressed file. Its size is known when it is unpacked."""
    with archive.open("rb") as stream:
        opener = _opener(stream.read(_BLOCK))

    def chunks() -> Iterator[bytes]:
        remaining = params.max_file_bytes
        for chunk in _chunks(partial(opener or Path.open, archive)):
            remaining -= len(chunk)
            if remaining < 0:
                raise InputRejected(
                    Reason.ARCHIVE_TOO_LARGE, f"more than {params.max_file_bytes} bytes in a file"
                )
            yield chunk

    yield _Member("", 0, "file", chunks)


_MEMBERS: dict[str, Callable[[Path, ArchiveParams], Iterator[_Member]]] = {
    "zip": _zip_members,
    "tar": _tar_members,
    "packed": _packed_member,
}
