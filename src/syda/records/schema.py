"""What a record holds, as ``tf.train.Example`` features.

==================  ==========================  =====================================
feature             type                        meaning
==================  ==========================  =====================================
image               bytes, int16 little-endian  ``[i, j, k]`` HU in C order, RAS+
shape               3 int64                     of the image
affine              bytes, 16 float64 LE        ``[4, 4]`` voxel index to RAS+ mm, exact
spacing             3 float                     voxel size along i, j, k in mm
case, patient       bytes, UTF-8                keyed hashes
attribute/<name>    bytes, float or int64 0/1   allow-listed facts; absent where unknown
==================  ==========================  =====================================
"""

from dataclasses import dataclass

import numpy as np

from syda.records import example
from syda.types import Attribute, Case, Volume

_PREFIX = "attribute/"


@dataclass(frozen=True)
class Record:
    """One scan of a split."""

    case: Case
    volume: Volume


def encode(record: Record) -> bytes:
    """Serialize a record."""
    volume = record.volume
    features: dict[str, example.Feature] = {
        "image": np.ascontiguousarray(volume.hu, dtype="<i2").tobytes(),
        "shape": list(volume.hu.shape),
        "affine": np.ascontiguousarray(volume.affine, dtype="<f8").tobytes(),
        "spacing": list(volume.spacing),
        "case": record.case.case.encode(),
        "patient": record.case.patient.encode(),
    }
    for name, value in record.case.attributes.items():
        if value is not None:
            features[_PREFIX + name] = _encode_attribute(value)
    return example.encode(features)


def _encode_attribute(value: str | float | bool) -> example.Feature:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bool):
        return [int(value)]
    return [float(value)]


def _decode_attribute(value: example.Feature) -> Attribute:
    if isinstance(value, bytes):
        return value.decode()
    (only,) = value
    return bool(only) if isinstance(only, int) else float(only)


def decode(data: bytes) -> Record:
    """Read a serialized record.

    Raises:
        ValueError: a feature is missing, or shape and image do not fit.
    """
    features = example.decode(data)
    missing = {"image", "shape", "affine", "spacing", "case", "patient"} - features.keys()
    if missing:
        raise ValueError(f"features missing: {', '.join(sorted(missing))}")
    hu = np.frombuffer(_bytes(features["image"]), dtype="<i2").reshape(_integers(features["shape"]))
    affine = np.frombuffer(_bytes(features["affine"]), dtype="<f8").reshape(4, 4)
    attributes = {
        name.removeprefix(_PREFIX): _decode_attribute(value)
        for name, value in features.items()
        if name.startswith(_PREFIX)
    }
    case = Case(_bytes(features["case"]).decode(), _bytes(features["patient"]).decode(), attributes)
    return Record(case, Volume(hu, affine))


def _bytes(feature: example.Feature) -> bytes:
    if not isinstance(feature, bytes):
        raise ValueError("a bytes feature holds numbers")
    return feature


def _integers(feature: example.Feature) -> list[int]:
    if isinstance(feature, bytes):
        raise ValueError("an int64 feature holds bytes")
    return [int(value) for value in feature]
