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
property/<name>     float                       of :class:`syda.types.Properties`; likewise
==================  ==========================  =====================================
"""

import math
from dataclasses import asdict, dataclass

import numpy as np

from syda.records import example
from syda.types import Attribute, Case, Properties, Volume

_ATTRIBUTE, _PROPERTY = "attribute/", "property/"
_UNMEASURED = Properties()


@dataclass(frozen=True)
class Record:
    """One scan of a split."""

    case: Case
    volume: Volume
    properties: Properties = _UNMEASURED


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
            features[_ATTRIBUTE + name] = _encode_attribute(value)
    for name, number in asdict(record.properties).items():
        if number is not None:
            features[_PROPERTY + name] = [float(number)]
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
        ValueError: a feature is missing or of another type, or shape and image, or spacing and
            affine, do not fit.
    """
    features = example.decode(data)
    missing = {"image", "shape", "affine", "spacing", "case", "patient"} - features.keys()
    if missing:
        raise ValueError(f"features missing: {', '.join(sorted(missing))}")
    image = np.frombuffer(_bytes(features["image"]), dtype="<i2")
    shape = [int(length) for length in _numbers(features["shape"])]
    if len(shape) != 3 or min(shape) < 1 or math.prod(shape) != image.size:
        raise ValueError(f"an image of {image.size} voxels whose shape is {shape}")
    affine = np.frombuffer(_bytes(features["affine"]), dtype="<f8").reshape(4, 4)
    volume = Volume(image.reshape(shape), affine)
    spacing = _numbers(features["spacing"])
    if not np.allclose(spacing, volume.spacing, rtol=1e-6, atol=0, equal_nan=True):
        raise ValueError(f"spacing {spacing} mm, its affine's is {list(volume.spacing)} mm")
    attributes = {
        name: _decode_attribute(value) for name, value in _named(features, _ATTRIBUTE).items()
    }
    case = Case(_bytes(features["case"]).decode(), _bytes(features["patient"]).decode(), attributes)
    return Record(case, volume, _properties(_named(features, _PROPERTY)))


def _named(features: dict[str, example.Feature], prefix: str) -> dict[str, example.Feature]:
    return {
        name.removeprefix(prefix): value
        for name, value in features.items()
        if name.startswith(prefix)
    }


def _properties(features: dict[str, example.Feature]) -> Properties:
    unknown = features.keys() - Properties.__dataclass_fields__.keys()
    if unknown:
        raise ValueError(f"unknown properties: {', '.join(sorted(unknown))}")
    return Properties(**{name: float(_numbers(value)[0]) for name, value in features.items()})


def _bytes(feature: example.Feature) -> bytes:
    if not isinstance(feature, bytes):
        raise ValueError("a bytes feature holds numbers")
    return feature


def _numbers(feature: example.Feature) -> list[float]:
    if isinstance(feature, bytes) or not feature:
        raise ValueError("a feature of numbers holds bytes, or nothing")
    return [*feature]
