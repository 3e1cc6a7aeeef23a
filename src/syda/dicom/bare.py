"""Recognise a DICOM data set by its first bytes.

Source: DICOM PS3.10 7.1 (preamble and prefix), PS3.5 7.1 (a data element starts with its group).
"""

HEAD_BYTES = 132

_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""Groups 0002 and 0008 in little endian, 0008 in big endian. A data set starts with one of them."""


def is_dicom(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of DICOM, with or without preamble."""
    return head[128:132] == b"DICM" or is_data_set(head)


def is_data_set(head: bytes) -> bool:
    """Return whether the first bytes are those of a data element of a first group.

    Its element number is below 0100, and what follows is a VR or the length of a short value.
    """
    if len(head) < 8 or head[:2] not in _GROUPS:
        return False
    big = head[:2] == b"\x00\x08"
    element = int.from_bytes(head[2:4], "big" if big else "little")
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    length = int.from_bytes(head[4:8], "big" if big else "little")
    return element < 0x0100 and (explicit or length < 1024)
