import pytest

from syda.dicom import jpeg

HEAD = bytes.fromhex(
    "ffd8"  # start of image
    "fffe 0004 6869"  # a comment
    "ffc3 000b 10 0040 0030 01 011100"  # lossless frame: 16 bits, 64 rows, 48 columns, 1 component
    "ffc4 0004 0000"  # a table
    "ffda 0008 0101 00 010000"  # start of scan, predictor 1
)


def test_a_lossless_frame_of_the_size_that_the_header_says():
    assert jpeg.is_lossless_frame(HEAD + bytes(9), 64, 48)
    assert not jpeg.is_lossless_frame(HEAD, 48, 64)


@pytest.mark.parametrize("end", range(len(HEAD) - 8))
def test_a_head_that_is_cut(end):
    assert not jpeg.is_lossless_frame(HEAD[:end], 64, 48)


@pytest.mark.parametrize(
    ("found", "put"),
    [
        ("ffd8", "ffd9"),  # no image
        ("ffc3 000b 10", "ffc3 000b 11"),  # 17 bits
        ("ffc3 000b 10", "ffc3 000b 01"),
        ("ffc3 000b 10", "ffc0 000b 10"),  # baseline
        ("ffc3 000b 10", "ffe0 000b 10"),  # application data: no frame before the scan
        ("0030 01 01", "0030 03 01"),  # three components
        ("ffc3 000b", "ffc3 000c"),  # a length that leads astray
        ("fffe 0004", "fffe ffff"),
        ("fffe", "fff7"),  # JPEG-LS
        ("fffe", "00fe"),
    ],
)
def test_a_damaged_head(found, put):
    damaged = HEAD.replace(bytes.fromhex(found), bytes.fromhex(put), 1)
    assert damaged != HEAD
    assert not jpeg.is_lossless_frame(damaged, 64, 48)


def test_two_frame_headers_are_one_too_many():
    frame = bytes.fromhex("ffc3 000b 10 0040 0030 01 011100")
    assert not jpeg.is_lossless_frame(HEAD.replace(frame, frame * 2), 64, 48)
