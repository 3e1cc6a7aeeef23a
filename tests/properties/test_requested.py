import pytest

from syda.errors import UsageError
from syda.model.conditions import ConditionSchema
from syda.properties.requested import check, sample

CONDITIONS = ConditionSchema.fit(
    [
        {"width_mm": 300.0 + 10 * i, "fat_share": 0.1 + 0.02 * i, "sex": "FM"[i % 2]}
        for i in range(11)
    ],
    ["width_mm", "fat_share", "sex"],
)


def test_within_the_range_is_silent():
    assert check(CONDITIONS, {"width_mm": [310, 390], "fat_share": 0.2, "sex": "F"}) == []
    assert check(CONDITIONS, {}) == []


@pytest.mark.parametrize("wanted", [500, [320, 500], [200, 350], [100, 500]])
def test_outside_the_range_is_one_warning(wanted):
    (warning,) = check(CONDITIONS, {"width_mm": wanted})
    assert warning == (
        f"width_mm={wanted}: outside the range of the training cases, 305 to 395: "
        "results are less reliable"
    )


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"kidneys": 2},
            r"kidneys: not a property of this model: its properties are width_mm \(305 to 395\)",
        ),
        ({"sex": "X"}, "sex=X: must be one of F, M"),
        ({"sex": [1, 2]}, "sex=1: must be one of F, M"),
        ({"width_mm": "wide"}, "width_mm=wide: must be a number"),
        ({"width_mm": 0}, "width_mm=0: no scan has that, must be above 0"),
        ({"width_mm": [-5, 300]}, "width_mm=-5: no scan has that"),
        ({"fat_share": 1.5}, "fat_share=1.5: no scan has that, must be between 0 and 1"),
    ],
)
def test_what_no_volume_can_have_is_refused(wanted, message):
    with pytest.raises(UsageError, match=message):
        check(CONDITIONS, wanted)


def test_a_range_is_drawn_from_evenly_and_by_the_seed():
    values = [sample({"width_mm": [340, 360], "sex": "F"}, seed) for seed in range(200)]
    widths = [value["width_mm"] for value in values]
    assert 340 <= min(widths) < 343
    assert 357 < max(widths) <= 360
    assert {value["sex"] for value in values} == {"F"}
    assert sample({"width_mm": [340, 360]}, 3) == sample({"width_mm": [340, 360]}, 3)
