import google_crc32c
import pytest

from syda.errors import CorruptData
from syda.records import tfrecord


def test_crc32c_is_castagnoli():
    assert google_crc32c.value(b"123456789") == 0xE3069283  # RFC 3720 check value


def test_an_empty_record_is_the_known_sixteen_bytes():
    # length 0, masked CRC of eight zero bytes, no data, masked CRC of nothing
    assert tfrecord.frame(b"").hex() == "000000000000000029039807d8ea82a2"


def test_round_trip(tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"".join(map(tfrecord.frame, [b"one", b"", b"three" * 100])))
    assert list(tfrecord.read(path)) == [b"one", b"", b"three" * 100]


def test_every_flipped_bit_is_noticed(tmp_path):
    good = tfrecord.frame(b"one") + tfrecord.frame(b"two")
    path = tmp_path / "a.tfrecord"
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        with pytest.raises(CorruptData, match=r"a\.tfrecord, record [01]"):
            list(tfrecord.read(path))


def test_every_truncation_is_noticed(tmp_path):
    good = tfrecord.frame(b"one") + tfrecord.frame(b"two")
    path = tmp_path / "a.tfrecord"
    for length in set(range(1, len(good))) - {len(good) // 2}:  # the half is a whole file
        path.write_bytes(good[:length])
        with pytest.raises(CorruptData, match="truncated"):
            list(tfrecord.read(path))
