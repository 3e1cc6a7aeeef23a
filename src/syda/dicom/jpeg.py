"""Check the header of a JPEG frame before it is decoded.

The decoder gdcm ends the process on some damaged headers.

Source: ITU-T T.81, B.1.1 (markers) and B.2.2 (frame header).
"""

START_OF_IMAGE = b"\xff\xd8"
START_OF_SCAN = 0xDA
LOSSLESS_FRAME = 0xC3
"""SOF3: lossless, sequential, Huffman coding."""

TABLES = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""Segments that may precede a scan: Huffman and other tables, restart interval, comment,
application data."""

PRECISION_BITS = range(2, 17)
"""Precision of the samples of a lossless frame (table B.2)."""


def is_lossless_frame(data: bytes, rows: int, columns: int) -> bool:
    """Return whether a frame starts like lossless JPEG of one component and this size.

    Args:
        data: bytes of the frame.
        rows: rows by the DICOM header.
        columns: columns by the DICOM header.
    """
    if data[:2] != START_OF_IMAGE:
        return False
    at, found = 2, False
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        segment = data[at + 4 : at + 2 + length]
        if marker == START_OF_SCAN:
            return found
        if marker == LOSSLESS_FRAME and len(segment) == 9 and not found:
            height, width = int.from_bytes(segment[1:3]), int.from_bytes(segment[3:5])
            found = (height, width, segment[5]) == (rows, columns, 1)
            if segment[0] not in PRECISION_BITS:
                return False
        elif marker not in TABLES:
            return False
        at += 2 + length
    return False
