import pytest

from syda.dicom import bare


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100", True),  # implicit, little endian
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", True),
        (b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100", True),  # big endian
        (b"\x02\x00\x00\x00UL\x04\x00\xc0\x00\x00\x00", True),  # meta without preamble
        (bytes(128) + b"DICM", True),
        (b"\x08\x00", False),
        (b"", False),
        (b"\x08\x00\x05\x00\xff\xff\xff\xff", False),
        (b"\x08\x00\x05\x07CS\x0a\x00", False),
        (b"Patient notes, no DICOM", False),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", False),
    ],
)
def test_a_data_set_is_known_by_its_first_element(head, expected):
    assert bare.is_dicom(head) is expected
