"""The TFRecord container: length, masked CRC-32C of the length, data, masked CRC-32C of the data.

A file may be one gzip stream as a whole, as TensorFlow has it with ``compression_type="GZIP"``.

Source: TensorFlow's record_writer.h (little-endian uint64 length; mask: rotate right by 15 bits and
add 0xa282ead8); gzip, RFC 1952.
"""

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, cast

import google_crc32c

from syda.errors import CorruptData

Compression = Literal["none", "gzip"]

_HEADER, _CRC = struct.Struct("<Q"), struct.Struct("<I")
_CHUNK = 1 << 24
"""Bytes asked for at a time: a forged length must not ask for memory that no file fills."""

_GZIP_LEVEL = 1
"""Level 6 costs six times the CPU for the same size on noisy CT."""
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_HEADERS = (
    bytes.fromhex("1f8b08000000000004ff"),  # of this module: no name, no time
    bytes.fromhex("1f8b0800000000000003"),  # of TensorFlow
)
"""Nothing but these: no checksum covers a gzip header, so an altered byte must show here."""


def _masked_crc(data: bytes) -> bytes:
    crc = int(google_crc32c.value(data))
    return _CRC.pack(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def frame(data: bytes) -> bytes:
    """Return the bytes that hold one record in a file.

    >>> len(frame(b"abc"))  # length 8, its CRC 4, data 3, its CRC 4
    19
    """
    length = _HEADER.pack(len(data))
    return length + _masked_crc(length) + data + _masked_crc(data)


@contextmanager
def create(path: Path, compression: Compression) -> Iterator[BinaryIO]:
    """Open a new file for frames; the same frames give the same bytes, gzipped or not."""
    with path.open("xb") as stream:
        if compression == "none":
            yield stream
        else:
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, stream, mtime=0) as packed:
                yield cast(BinaryIO, packed)


def read(path: Path) -> Iterator[bytes]:
    """Yield the records of a file, plain or gzipped by its content, each checked by its CRCs.

    Raises:
        CorruptData: truncated file, wrong checksum, or gzip stream that does not unpack; names file
            and record number (from 0).
    """
    number = 0
    with path.open("rb") as raw:
        start = raw.read(12)
        raw.seek(0)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if _is_gzip(start) else raw
        try:
            if stream is not raw and start[:10] not in _GZIP_HEADERS:
                raise ValueError("not the gzip header that this pipeline or TensorFlow writes")
            while (data := _next(stream)) is not None:
                yield data
                number += 1
        except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise CorruptData(f"{path.name}, record {number}: {error}") from error


def _is_gzip(start: bytes) -> bool:
    """By the magic; a plain file may start like it, but then its length has the right CRC."""
    return start[:2] == _GZIP_MAGIC and _masked_crc(start[:8]) != start[8:]


def _next(stream: BinaryIO) -> bytes | None:
    """The next record, or None at the end of the file."""
    header = _read(stream, 12)
    if not header:
        return None
    length = header[:8]
    if len(header) < 12:
        raise ValueError("truncated header")
    if _masked_crc(length) != header[8:]:
        raise ValueError("wrong checksum of the length")
    (size,) = _HEADER.unpack(length)
    data = _read(stream, size)
    crc = _read(stream, 4)
    if len(data) < size or len(crc) < 4:
        raise ValueError("truncated data")
    if _masked_crc(data) != crc:
        raise ValueError("wrong checksum of the data")
    return data


def _read(stream: BinaryIO, size: int) -> bytes:
    """Up to ``size`` bytes, fewer only at the end of the file."""
    parts = []
    while size and (part := stream.read(min(size, _CHUNK))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
