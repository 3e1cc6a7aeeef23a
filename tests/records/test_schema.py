import numpy as np
import pytest

from syda.dicom import attributes
from syda.records import example, schema
from syda.types import Case, Properties


def altered(record, **features):
    """A serialized record with other features."""
    return example.encode({**example.decode(schema.encode(record)), **features})


def test_round_trip_is_exact(ramp):
    attributes = {"sex": "F", "kvp": 120.0, "contrast": False, "kernel": None}
    properties = Properties(body_width_mm=351.3, bone_share=0.1)
    record = schema.Record(Case("c1", "p1", attributes), ramp, properties)
    back = schema.decode(schema.encode(record))
    np.testing.assert_array_equal(back.volume.hu, ramp.hu)
    np.testing.assert_array_equal(back.volume.affine, ramp.affine)
    assert back.case == Case("c1", "p1", {"sex": "F", "kvp": 120.0, "contrast": False})
    assert back.properties == Properties(  # float32, as TensorFlow has it
        body_width_mm=float(np.float32(351.3)), bone_share=float(np.float32(0.1))
    )


def test_every_attribute_that_leaves_convert_is_carried_and_missing_ones_are_absent(
    ramp, as_slices
):
    slices = as_slices(ramp)
    slices[0].KVP, slices[0].ConvolutionKernel, slices[0].ContrastBolusAgent = (
        120,
        "B30f",
        "IOHEXOL",
    )
    facts = attributes.describe(slices, 5.0, 40.0)
    back = schema.decode(
        schema.encode(schema.Record(Case("c1", "p1", facts), ramp))
    ).case.attributes
    assert back.keys() == {name for name, value in facts.items() if value is not None}
    assert {"body_part", "manufacturer", "tube_current_ma"} & back.keys() == set()
    for name, value in back.items():
        assert type(value) is type(facts[name])
        assert value == (
            pytest.approx(facts[name], rel=1e-6) if name.endswith("mm") else facts[name]
        )


def test_same_record_same_bytes_whatever_the_memory_order(ramp):
    other = type(ramp)(np.asfortranarray(ramp.hu), ramp.affine)
    case = Case("c1", "p1", {})
    assert schema.encode(schema.Record(case, ramp)) == schema.encode(schema.Record(case, other))


def test_missing_features_are_named():
    with pytest.raises(ValueError, match=r"affine, image, patient, shape, spacing"):
        schema.decode(example.encode({"case": b"c1"}))


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ({"shape": [12, 10, 9]}, r"960 voxels whose shape is \[12, 10, 9\]"),
        ({"shape": [-12, -10, 8]}, "whose shape is"),
        ({"shape": [960]}, "whose shape is"),
        ({"shape": [12, 10, 0]}, "whose shape is"),
        ({"shape": b"12"}, "a feature of numbers holds bytes"),
        ({"shape": []}, "or nothing"),
        ({"image": b"odd"}, "buffer size"),
        ({"image": [1]}, "a bytes feature holds numbers"),
        ({"affine": bytes(8)}, "cannot reshape"),
        ({"spacing": [2.0, 1.5, 4.5]}, r"spacing \[2.0, 1.5, 4.5\] mm, its affine's is"),
        ({"property/shoe_size": [43.0]}, "unknown properties: shoe_size"),
    ],
)
def test_features_that_do_not_fit_are_named(ramp, features, said):
    record = schema.Record(Case("c1", "p1", {}), ramp)
    assert schema.decode(altered(record)).volume.spacing == ramp.spacing
    with pytest.raises(ValueError, match=said):
        schema.decode(altered(record, **features))
