import gzip
import struct

import google_crc32c
import pytest

from syda.errors import CorruptData
from syda.records import tfrecord

RECORDS = [b"one", b"", b"three" * 9]


@pytest.fixture(params=["none", "gzip"])
def path(request, tmp_path):
    """A file of the three records, plain or gzipped."""
    path = tmp_path / "a.tfrecord"
    with tfrecord.create(path, request.param) as stream:
        for data in RECORDS:
            stream.write(tfrecord.frame(data))
    return path


def test_crc32c_is_castagnoli():
    assert google_crc32c.value(b"123456789") == 0xE3069283  # RFC 3720 check value


def test_an_empty_record_has_sixteen_fixed_bytes():
    # length 0, masked CRC of eight zero bytes, no data, masked CRC of nothing
    assert tfrecord.frame(b"").hex() == "000000000000000029039807d8ea82a2"


def test_round_trip(path):
    assert list(tfrecord.read(path)) == RECORDS


def test_the_same_records_give_the_same_bytes(path, tmp_path):
    plain = path.read_bytes()[:2] != b"\x1f\x8b"
    with tfrecord.create(tmp_path / "b.tfrecord", "none" if plain else "gzip") as stream:
        stream.write(b"".join(map(tfrecord.frame, RECORDS)))
    assert (tmp_path / "b.tfrecord").read_bytes() == path.read_bytes()


def test_a_gzip_header_tells_no_time_and_no_name(tmp_path):
    with tfrecord.create(tmp_path / "secret", "gzip") as stream:
        stream.write(tfrecord.frame(b"one"))
    data = (tmp_path / "secret").read_bytes()
    assert data[:10].hex() == "1f8b08000000000004ff"  # RFC 1952: no flags, MTIME 0
    assert gzip.decompress(data) == tfrecord.frame(b"one")


def test_a_length_like_the_gzip_magic_is_no_gzip(tmp_path):
    data = bytes(0x088B1F)
    (tmp_path / "a.tfrecord").write_bytes(tfrecord.frame(data))
    assert (tmp_path / "a.tfrecord").read_bytes()[:3] == b"\x1f\x8b\x08"
    assert list(tfrecord.read(tmp_path / "a.tfrecord")) == [data]


def test_each_changed_byte_at_each_position_is_refused(path):
    good = path.read_bytes()
    silent, named = set(), []
    for position in range(len(good)):
        for change in (0x01, 0x80, 0xFF):
            bad = bytearray(good)
            bad[position] ^= change
            path.write_bytes(bad)
            try:
                assert list(tfrecord.read(path)) == RECORDS
                silent.add((position, change))
            except CorruptData as error:
                named.append(str(error))
    assert all(message.startswith("a.tfrecord, record ") for message in named)
    # the bits that fill up a deflate stream's last byte, before the trailer's eight, say nothing
    assert silent <= {(len(good) - 9, 0x80)}
    assert not silent or good[:2] == b"\x1f\x8b"


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_of_a_plain_file_is_noticed(tmp_path, bit):
    good = tfrecord.frame(b"one") + tfrecord.frame(b"two")
    path = tmp_path / "a.tfrecord"
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 1 << bit
        path.write_bytes(bad)
        with pytest.raises(CorruptData, match=rf"a\.tfrecord, record {position // 19}: "):
            list(tfrecord.read(path))


def test_every_truncation_is_noticed(path):
    good = path.read_bytes()
    plain = good[:2] != b"\x1f\x8b"
    ends = {0, 19, 19 + 16} if plain else {0}  # a shorter file, but a whole one: the index tells
    for length in set(range(len(good))) - ends:
        path.write_bytes(good[:length])
        with pytest.raises(CorruptData, match=r"a\.tfrecord, record [0123]: "):
            list(tfrecord.read(path))


@pytest.mark.parametrize("length", [0, 2, 4, 19, 1 << 40, (1 << 64) - 1])
def test_a_wrong_length_under_the_right_checksum_is_noticed(tmp_path, length):
    forged = struct.pack("<Q", length)
    header = forged + tfrecord._masked_crc(forged)
    for compression in ("none", "gzip"):
        path = tmp_path / f"{compression}.tfrecord"
        with tfrecord.create(path, compression) as stream:
            stream.write(tfrecord.frame(b"whole") + header + tfrecord.frame(b"one")[12:])
        with pytest.raises(CorruptData, match=rf"{path.name}, record 1: "):
            list(tfrecord.read(path))
