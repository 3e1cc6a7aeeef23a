"""TensorFlow reads what this package writes, and this package what TensorFlow writes.

``data/tensorflow.tfrecord`` was written by TensorFlow 2.21.0 and can be written again by any:
``test_tensorflow_still_writes_the_golden_file``. Tests that need TensorFlow skip without it.
"""

from pathlib import Path

import numpy as np
import pytest

from syda.records import example, schema, tfrecord, writer
from syda.records.config import PackParams
from syda.types import Case, Properties, Volume

GOLDEN = Path(__file__).parent / "data" / "tensorflow.tfrecord"

HU = np.array([-1024, -1, 0, 1, 40, 3071] * 4, np.int16).reshape(4, 3, 2)
AFFINE = np.array([[1.5, 0, 0, -180.25], [0, 1.2, -0.9, 7], [0, 0.9, 1.2, -500], [0, 0, 0, 1]])
SCAN = schema.Record(
    Case("c01", "p1", {"sex": "F", "kvp": 120.0, "contrast": False}),
    Volume(HU, AFFINE),
    Properties(body_width_mm=351.5, fat_share=0.25, scan_length_mm=3.0),
)
SCAN_FEATURES = {
    "image": HU.astype("<i2").tobytes(),
    "shape": [4, 3, 2],
    "affine": AFFINE.astype("<f8").tobytes(),
    "spacing": [1.5, 1.5, 1.5],
    "case": b"c01",
    "patient": b"p1",
    "attribute/sex": b"F",
    "attribute/kvp": [120.0],
    "attribute/contrast": [0],
    "property/body_width_mm": [351.5],
    "property/fat_share": [0.25],
    "property/scan_length_mm": [3.0],
}
EXTREMES = {
    "integers": [0, -1, 127, 128, 2**63 - 1, -(2**63)],
    "floats": [0.0, -0.0, 1.5, 2.0**-149, -(2.0**127), float("inf")],
    "bytes": bytes(range(256)),
    "nothing": b"",
}
CONTENT = [SCAN_FEATURES, EXTREMES, {}]


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip(
        "tensorflow", reason="TensorFlow is not installed (1.6 GB, and no stage needs it)"
    )


def serialized(tf, features):
    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        if isinstance(value[0], int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=value))
        return tf.train.Feature(float_list=tf.train.FloatList(value=value))

    message = tf.train.Features(feature={name: feature(v) for name, v in features.items()})
    return tf.train.Example(features=message).SerializeToString(deterministic=True)


def write_with(tf, path, compression):
    options = tf.io.TFRecordOptions(compression_type=compression)
    with tf.io.TFRecordWriter(str(path), options) as stream:
        for features in CONTENT:
            stream.write(serialized(tf, features) if features else b"")


def assert_is_the_content(path):
    records = list(tfrecord.read(path))
    assert [example.decode(data) for data in records] == CONTENT
    found = schema.decode(records[0])
    assert found.case == SCAN.case
    assert found.properties == SCAN.properties
    np.testing.assert_array_equal(found.volume.hu, HU)
    assert found.volume.hu.dtype == np.int16
    np.testing.assert_array_equal(found.volume.affine, AFFINE)


def test_what_tensorflow_wrote_is_read_exactly():
    assert_is_the_content(GOLDEN)


def test_an_example_has_the_bytes_that_tensorflow_gives_it():
    assert [example.encode(features) for features in CONTENT[:2]] == list(tfrecord.read(GOLDEN))[:2]
    assert schema.encode(SCAN) == example.encode(SCAN_FEATURES)


def test_tensorflow_still_writes_the_golden_file(tf, tmp_path):
    write_with(tf, tmp_path / "new.tfrecord", "")
    assert (tmp_path / "new.tfrecord").read_bytes() == GOLDEN.read_bytes()


def test_what_tensorflow_gzips_is_read_exactly(tf, tmp_path):
    write_with(tf, tmp_path / "new.tfrecord", "GZIP")
    assert_is_the_content(tmp_path / "new.tfrecord")


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_tensorflow_reads_our_shards_exactly(tf, tmp_path, compression):
    rng = np.random.default_rng(0)
    volume = Volume(rng.integers(-1024, 3072, (40, 30, 20), dtype=np.int16), AFFINE)
    properties = Properties(body_width_mm=351.5, noise_hu=9.25)
    records = [
        schema.Record(Case(f"c{n}", f"p{n}", {"sex": "F", "kvp": 120.0}), volume, properties)
        for n in range(6)
    ]
    index = writer.write(
        tmp_path, records, PackParams(holdout_share=0.5, shards=2, compression=compression)
    )
    text, number = tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature([], tf.float32)
    features = {
        "image": text,
        "affine": text,
        "shape": tf.io.FixedLenFeature([3], tf.int64),
        "spacing": tf.io.FixedLenFeature([3], tf.float32),
        "case": text,
        "patient": text,
        "attribute/sex": text,
        "attribute/kvp": number,
        "property/body_width_mm": number,
        "property/noise_hu": number,
    }
    for shard in sorted({entry.shard for entry in index}):
        kind = "GZIP" if compression == "gzip" else ""
        cases = []
        for data in tf.data.TFRecordDataset(str(tmp_path / shard), compression_type=kind):
            found = tf.io.parse_single_example(data, features)
            image = tf.reshape(tf.io.decode_raw(found["image"], tf.int16), found["shape"])
            np.testing.assert_array_equal(image.numpy(), volume.hu)
            affine = tf.io.decode_raw(found["affine"], tf.float64).numpy().reshape(4, 4)
            np.testing.assert_array_equal(affine, AFFINE)
            assert found["spacing"].numpy().tolist() == [1.5, 1.5, 1.5]
            assert found["patient"].numpy() == b"p" + found["case"].numpy()[1:]
            assert found["attribute/sex"].numpy() == b"F"
            numbers = [n for n in features if features[n] is number]
            assert [float(found[n]) for n in numbers] == [120.0, 351.5, 9.25]
            cases.append(found["case"].numpy().decode())
        assert cases == [entry.case for entry in index if entry.shard == shard]
    assert len(index) == 6
