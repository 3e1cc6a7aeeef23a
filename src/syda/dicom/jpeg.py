"""The head of a JPEG frame, read before a decoder sees it.

gdcm ends the process on some damaged ones, and a damaged scan must not stop the others.

Source: ITU-T T.81, B.1.1 (markers) and B.2.2 (frame header).
"""

START_OF_IMAGE = b"\xff\xd8"
START_OF_SCAN = 0xDA
LOSSLESS_FRAME = 0xC3
"""SOF3: lossless, sequential, Huffman."""

TABLES = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""Segments that may stand before a scan: Huffman and other tables, restart interval, comments,
application data."""

PRECISION_BITS = range(2, 17)
"""Of a lossless frame's samples (table B.2)."""


def is_lossless_frame(data: bytes, rows: int, columns: int) -> bool:
    """Whether a frame begins as lossless JPEG of one component and this size does.

    Args:
        data: from the start of the image.
        rows: that the header promises.
        columns: likewise.
    """
    if data[:2] != START_OF_IMAGE:
        return False
    at, promised = 2, False
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        segment = data[at + 4 : at + 2 + length]
        if marker == START_OF_SCAN:
            return promised
        if marker == LOSSLESS_FRAME and len(segment) == 9 and not promised:
            height, width = int.from_bytes(segment[1:3]), int.from_bytes(segment[3:5])
            promised = (height, width, segment[5]) == (rows, columns, 1)
            if segment[0] not in PRECISION_BITS:
                return False
        elif marker not in TABLES:
            return False
        at += 2 + length
    return False
