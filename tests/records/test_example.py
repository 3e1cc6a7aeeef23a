import pytest

from syda.records import example

# {"a": bytes b"x", "b": int64 [1, -1], "c": float [1.5]} by hand from the protobuf wire format.
GOLDEN = bytes.fromhex(
    "0a31"
    "0a0a" "0a0161" "1205" "0a03" "0a0178"
    "0a14" "0a0162" "120f" "1a0d" "0a0b" "01" "ffffffffffffffffff01"
    "0a0d" "0a0163" "1208" "1206" "0a04" "0000c03f"
)  # fmt: skip


def test_encoding_is_the_wire_format():
    assert example.encode({"c": [1.5], "a": b"x", "b": [1, -1]}) == GOLDEN


def test_decoding_gives_the_features_back():
    assert example.decode(GOLDEN) == {"a": b"x", "b": [1, -1], "c": [1.5]}


def test_extremes_survive():
    features = {"i": [0, 127, 128, 2**63 - 1, -(2**63)], "f": [0.0, -1e30, 3.5], "b": bytes(300)}
    back = example.decode(example.encode(features))
    assert back["i"] == features["i"]
    assert back["b"] == features["b"]
    assert back["f"] == pytest.approx(features["f"], rel=1e-6)


@pytest.mark.parametrize("cut", [1, 5, 20, 40])
def test_a_cut_message_is_refused(cut):
    with pytest.raises(ValueError, match=r"."):
        example.decode(GOLDEN[:-cut])
