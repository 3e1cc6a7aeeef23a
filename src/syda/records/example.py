"""``tf.train.Example`` messages, encoded and decoded by hand with stable bytes.

Source: TensorFlow's feature.proto and example.proto; the Protocol Buffers wire format. Features are
written in the order of their names, so the same content always gives the same bytes.
"""

import struct
from collections.abc import Iterator, Sequence

Feature = bytes | Sequence[int] | Sequence[float]
"""A bytes_list with one value, an int64_list, or a float_list (float32)."""

_LENGTH_DELIMITED = 2
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF  # negative int64: two's complement in ten bytes
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(payload)) + payload


def _encode_feature(value: Feature) -> bytes:
    if isinstance(value, bytes):
        return _field(_BYTES_LIST, _field(1, value))
    if all(isinstance(v, int) for v in value):
        return _field(_INT64_LIST, _field(1, b"".join(_varint(int(v)) for v in value)))
    return _field(_FLOAT_LIST, _field(1, struct.pack(f"<{len(value)}f", *value)))


def encode(features: dict[str, Feature]) -> bytes:
    """Encode a serialized Example.

    >>> decode(encode({"case": b"c1", "shape": [4, 3, 2]}))
    {'case': b'c1', 'shape': [4, 3, 2]}
    """
    entries = (
        _field(1, _field(1, name.encode()) + _field(2, _encode_feature(features[name])))
        for name in sorted(features)
    )
    return _field(1, b"".join(entries))


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        if key & 7 != _LENGTH_DELIMITED:
            raise ValueError(f"wire type {key & 7} in an Example")
        length, at = _read_varint(data, at)
        if at + length > len(data):
            raise ValueError("field longer than its message")
        yield key >> 3, data[at : at + length]
        at += length


def _decode_feature(data: memoryview) -> Feature:
    ((kind, packed),) = _fields(data)
    values = [payload for number, payload in _fields(packed) if number == 1]
    if kind == _BYTES_LIST:
        (only,) = values
        return bytes(only)
    joined = memoryview(b"".join(values))
    if kind == _FLOAT_LIST:
        return list(struct.unpack(f"<{len(joined) // 4}f", joined))
    numbers, at = [], 0
    while at < len(joined):
        number, at = _read_varint(joined, at)
        numbers.append(number - (1 << 64) if number >> 63 else number)
    return numbers


def decode(data: bytes) -> dict[str, Feature]:
    """Decode a serialized Example whose lists are packed, as TensorFlow writes them.

    Raises:
        ValueError: not such a message.
    """
    features: dict[str, Feature] = {}
    try:
        for _, collection in _fields(memoryview(data)):
            for _, entry in _fields(collection):
                parts = dict(_fields(entry))
                features[bytes(parts[1]).decode()] = _decode_feature(parts[2])
    except (IndexError, KeyError, struct.error) as error:
        raise ValueError(f"not an Example: {error!r}") from error
    return features
