import json

import pytest
import torch

from syda.model.conditions import SHRINKAGE, ConditionSchema

CASES = [
    {"width": 300.0, "fat": 0.1, "sex": "F", "contrast": False},
    {"width": 340.0, "fat": 0.2, "sex": "M", "contrast": False},
    {"width": 380.0, "fat": 0.3, "sex": "F", "contrast": True},
    {"width": 420.0, "fat": None, "sex": None},
]


@pytest.fixture
def schema() -> ConditionSchema:
    return ConditionSchema.fit(CASES, ["width", "sex", "fat", "contrast"])


def test_statistics_are_of_the_cases_that_have_the_property(schema):
    width, fat = schema.numbers
    assert (width.name, width.mean, width.observed_fraction) == ("width", 360.0, 1.0)
    assert width.deviation == pytest.approx(2000**0.5)
    assert (width.low, width.high) == (pytest.approx(306), pytest.approx(414))
    assert (fat.mean, fat.observed_fraction) == (pytest.approx(0.2), 0.75)
    sex, contrast = schema.terms
    assert sex.shares == {"F": pytest.approx(2 / 3), "M": pytest.approx(1 / 3)}
    assert contrast.shares == {"False": pytest.approx(2 / 3), "True": pytest.approx(1 / 3)}
    assert schema.names == ["width", "fat", "sex", "contrast"]


def test_a_number_has_two_columns_and_a_category_one(schema):
    assert schema.size == 2 * 2 + 2 + 2
    deviation = 2000**0.5
    torch.testing.assert_close(
        schema.encode({"width": 360 + deviation, "sex": "M", "contrast": True}),
        torch.tensor([1.0, 1, 0, 0, 0, 1, 0, 1]),
    )
    assert not schema.encode({}).any()
    assert not schema.encode({"width": None, "sex": None}).any()
    at_mean = schema.encode({"width": 360.0})
    assert at_mean.tolist() == [0, 1, 0, 0, 0, 0, 0, 0]


def test_a_mask_of_properties_expands_to_their_columns(schema):
    mask = schema.expand_mask(torch.tensor([[1, 0, 0, 1], [0, 1, 1, 0]]))
    assert mask.tolist() == [[1, 1, 0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1, 0, 0]]
    assert schema.numeric_mask().tolist() == [1, 0, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"sex": "X"}, "sex=X: must be one of F, M"),
        ({"width": "wide"}, "width=wide: must be a number"),
        ({"width": float("nan")}, "width=nan: must be a number"),
        ({"width": True}, "width=True: must be a number"),
    ],
)
def test_values_that_cannot_be_encoded_are_refused(schema, properties, message):
    with pytest.raises(ValueError, match=message):
        schema.encode(properties)


def test_numbers_outside_the_range_are_named(schema):
    outside = schema.out_of_range({"width": 500.0, "fat": 0.2, "sex": "F"})
    assert [number.name for number in outside] == ["width"]


def samples(schema, fixed, n=2000):
    rng = torch.Generator().manual_seed(0)
    return [schema.sample(rng, fixed) for _ in range(n)]


def test_samples_have_the_statistics_of_the_cases():
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(400, 2, generator=rng)
    x[:, 1] = 0.8 * x[:, 0] + 0.6 * x[:, 1]
    cases = [{"a": 10 + 2 * a, "b": b, "t": "p" if a > 0 else "q"} for a, b in x.tolist()]
    schema = ConditionSchema.fit(cases, ["a", "b", "t"])
    ((_, r), _) = schema.correlation
    assert r == pytest.approx(0.8 * (1 - SHRINKAGE), abs=0.05)
    sampled = samples(schema, {})
    table = torch.tensor([[d["a"], d["b"]] for d in sampled])
    # clamped to the middle nine tenths, which lowers variance and correlation a little
    assert table[:, 0].mean().item() == pytest.approx(10, abs=0.2)
    assert table[:, 0].std().item() == pytest.approx(2, rel=0.15)
    assert torch.corrcoef(table.T)[0, 1].item() == pytest.approx(r, abs=0.06)
    for number, column in zip(schema.numbers, table.T, strict=True):
        assert number.low - 1e-5 <= column.min()
        assert column.max() <= number.high + 1e-5
    assert sum(d["t"] == "p" for d in sampled) / len(sampled) == pytest.approx(0.5, abs=0.05)


def test_fixed_properties_are_unchanged_and_the_others_are_conditional_on_them():
    cases = [{"a": float(i), "b": 3.0 * i} for i in range(40)]
    schema = ConditionSchema.fit(cases, ["a", "b"])
    low = [d["b"] for d in samples(schema, {"a": 5.0}, 400)]
    high = [d["b"] for d in samples(schema, {"a": 35.0}, 400)]
    a, b = schema.numbers
    r = 1 - SHRINKAGE
    for values, at in ((low, 5.0), (high, 35.0)):
        expected = b.mean + b.deviation * r * (at - a.mean) / a.deviation
        assert sum(values) / len(values) == pytest.approx(expected, abs=3)
    assert all(d["a"] == 5.0 for d in samples(schema, {"a": 5.0}, 5))
    unknown = samples(schema, {"a": None}, 3)
    assert all(d["a"] is None and d["b"] is not None for d in unknown)


def test_with_all_properties_fixed_nothing_is_sampled(schema):
    fixed = {"width": 300.0, "fat": 0.1, "sex": "F", "contrast": "True"}
    assert schema.sample(torch.Generator().manual_seed(0), fixed) == fixed


def test_json_round_trip(schema):
    assert ConditionSchema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_a_constant_number_is_encoded_as_zero():
    schema = ConditionSchema.fit([{"kvp": 120.0}] * 3, ["kvp"])
    assert schema.encode({"kvp": 120.0}).tolist() == [0, 1]
    assert schema.sample(torch.Generator().manual_seed(0), {}) == {"kvp": 120.0}


def test_no_properties_at_all():
    schema = ConditionSchema.fit(CASES, [])
    assert (schema.size, schema.names) == (0, [])
    assert schema.encode({}).shape == (0,)
    assert schema.sample(torch.Generator(), {}) == {}


def test_a_property_that_no_case_has_is_refused():
    with pytest.raises(ValueError, match="kvp: no training case has it"):
        ConditionSchema.fit(CASES, ["width", "kvp"])
    with pytest.raises(ValueError, match="x: values of mixed type"):
        ConditionSchema.fit([{"x": "a"}, {"x": 1.0}], ["x"])
