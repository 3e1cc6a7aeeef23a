"""The TFRecord container: length, masked CRC-32C of the length, data, masked CRC-32C of the data.

Source: TensorFlow's record_writer.h (little-endian uint64 length; mask: rotate right by 15 bits and
add 0xa282ead8).
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import google_crc32c

from syda.errors import CorruptData

_HEADER, _CRC = struct.Struct("<Q"), struct.Struct("<I")


def _masked_crc(data: bytes) -> bytes:
    crc = int(google_crc32c.value(data))
    return _CRC.pack(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def frame(data: bytes) -> bytes:
    """Return the bytes that hold one record in a file."""
    length = _HEADER.pack(len(data))
    return length + _masked_crc(length) + data + _masked_crc(data)


def read(path: Path) -> Iterator[bytes]:
    """Yield the records of a file, each checked against its CRCs.

    Raises:
        CorruptData: truncated file or wrong checksum; names file and record number (from 0).
    """
    with path.open("rb") as stream:
        number = 0
        while header := stream.read(12):
            where = f"{path.name}, record {number}"
            length = header[:8]
            if len(header) < 12:
                raise CorruptData(f"{where}: truncated header")
            if _masked_crc(length) != header[8:]:
                raise CorruptData(f"{where}: wrong checksum of the length")
            (size,) = _HEADER.unpack(length)
            data = stream.read(size)
            crc = stream.read(4)
            if len(data) < size or len(crc) < 4:
                raise CorruptData(f"{where}: truncated data")
            if _masked_crc(data) != crc:
                raise CorruptData(f"{where}: wrong checksum of the data")
            yield data
            number += 1
