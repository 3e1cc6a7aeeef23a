import json

import pytest
import torch

from syda.model.conditions import SHRINKAGE, Conditions, measure

CASES = [
    {"width": 300.0, "fat": 0.1, "sex": "F", "contrast": False},
    {"width": 340.0, "fat": 0.2, "sex": "M", "contrast": False},
    {"width": 380.0, "fat": 0.3, "sex": "F", "contrast": True},
    {"width": 420.0, "fat": None, "sex": None},
]


@pytest.fixture
def conditions() -> Conditions:
    return measure(CASES, ["width", "sex", "fat", "contrast"])


def test_statistics_are_those_of_the_cases_that_have_it(conditions):
    width, fat = conditions.numbers
    assert (width.name, width.mean, width.known) == ("width", 360.0, 1.0)
    assert width.deviation == pytest.approx(2000**0.5)
    assert (width.low, width.high) == (pytest.approx(306), pytest.approx(414))
    assert (fat.mean, fat.known) == (pytest.approx(0.2), 0.75)
    sex, contrast = conditions.terms
    assert sex.shares == {"F": pytest.approx(2 / 3), "M": pytest.approx(1 / 3)}
    assert contrast.shares == {"False": pytest.approx(2 / 3), "True": pytest.approx(1 / 3)}
    assert conditions.names == ["width", "fat", "sex", "contrast"]


def test_a_vector_has_two_places_a_number_and_one_a_term(conditions):
    assert conditions.size == 2 * 2 + 2 + 2
    deviation = 2000**0.5
    torch.testing.assert_close(
        conditions.encode({"width": 360 + deviation, "sex": "M", "contrast": True}),
        torch.tensor([1.0, 1, 0, 0, 0, 1, 0, 1]),
    )
    assert not conditions.encode({}).any()
    assert not conditions.encode({"width": None, "sex": None}).any()
    known_mean = conditions.encode({"width": 360.0})
    assert known_mean.tolist() == [0, 1, 0, 0, 0, 0, 0, 0]


def test_choices_spread_over_the_places_of_each_property(conditions):
    kept = conditions.keep(torch.tensor([[1, 0, 0, 1], [0, 1, 1, 0]]))
    assert kept.tolist() == [[1, 1, 0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1, 0, 0]]
    assert conditions.values().tolist() == [1, 0, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"sex": "X"}, "sex=X: the model knows F, M"),
        ({"width": "wide"}, "width=wide: must be a number"),
        ({"width": float("nan")}, "width=nan: must be a number"),
        ({"width": True}, "width=True: must be a number"),
    ],
)
def test_what_cannot_be_told_is_refused(conditions, asked, message):
    with pytest.raises(ValueError, match=message):
        conditions.encode(asked)


def test_numbers_outside_the_range_are_named(conditions):
    outside = conditions.outside({"width": 500.0, "fat": 0.2, "sex": "F"})
    assert [number.name for number in outside] == ["width"]


def draws(conditions, asked, n=2000):
    rng = torch.Generator().manual_seed(0)
    return [conditions.draw(rng, asked) for _ in range(n)]


def test_draws_have_the_statistics_of_the_cases():
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(400, 2, generator=rng)
    x[:, 1] = 0.8 * x[:, 0] + 0.6 * x[:, 1]
    cases = [{"a": 10 + 2 * a, "b": b, "t": "p" if a > 0 else "q"} for a, b in x.tolist()]
    conditions = measure(cases, ["a", "b", "t"])
    ((_, r), _) = conditions.correlation
    assert r == pytest.approx(0.8 * (1 - SHRINKAGE), abs=0.05)
    drawn = draws(conditions, {})
    table = torch.tensor([[d["a"], d["b"]] for d in drawn])
    # held to the middle nine tenths, which takes a little of mean square and of correlation
    assert table[:, 0].mean().item() == pytest.approx(10, abs=0.2)
    assert table[:, 0].std().item() == pytest.approx(2, rel=0.15)
    assert torch.corrcoef(table.T)[0, 1].item() == pytest.approx(r, abs=0.06)
    for number, column in zip(conditions.numbers, table.T, strict=True):
        assert number.low - 1e-5 <= column.min()
        assert column.max() <= number.high + 1e-5
    assert sum(d["t"] == "p" for d in drawn) / len(drawn) == pytest.approx(0.5, abs=0.05)


def test_what_is_asked_stays_and_the_rest_goes_with_it():
    cases = [{"a": float(i), "b": 3.0 * i} for i in range(40)]
    conditions = measure(cases, ["a", "b"])
    low = [d["b"] for d in draws(conditions, {"a": 5.0}, 400)]
    high = [d["b"] for d in draws(conditions, {"a": 35.0}, 400)]
    a, b = conditions.numbers
    r = 1 - SHRINKAGE
    for values, at in ((low, 5.0), (high, 35.0)):
        expected = b.mean + b.deviation * r * (at - a.mean) / a.deviation
        assert sum(values) / len(values) == pytest.approx(expected, abs=3)
    assert all(d["a"] == 5.0 for d in draws(conditions, {"a": 5.0}, 5))
    left_open = draws(conditions, {"a": None}, 3)
    assert all(d["a"] is None and d["b"] is not None for d in left_open)


def test_all_asked_draws_nothing(conditions):
    asked = {"width": 300.0, "fat": 0.1, "sex": "F", "contrast": "True"}
    assert conditions.draw(torch.Generator().manual_seed(0), asked) == asked


def test_json_round_trip(conditions):
    assert Conditions.from_json(json.loads(json.dumps(conditions.to_json()))) == conditions


def test_a_number_that_never_varies_tells_nothing():
    conditions = measure([{"kvp": 120.0}] * 3, ["kvp"])
    assert conditions.encode({"kvp": 120.0}).tolist() == [0, 1]
    assert conditions.draw(torch.Generator().manual_seed(0), {}) == {"kvp": 120.0}


def test_no_properties_at_all():
    conditions = measure(CASES, [])
    assert (conditions.size, conditions.names) == (0, [])
    assert conditions.encode({}).shape == (0,)
    assert conditions.draw(torch.Generator(), {}) == {}


def test_a_property_that_no_case_has_is_refused():
    with pytest.raises(ValueError, match="kvp: no training case has it"):
        measure(CASES, ["width", "kvp"])
    with pytest.raises(ValueError, match="x: mixed"):
        measure([{"x": "a"}, {"x": 1.0}], ["x"])
