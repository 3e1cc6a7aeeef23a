from dataclasses import replace

import pytest

from syda.expectations import runner
from syda.expectations.rules import (
    AtLeast,
    Blank,
    Different,
    Equals,
    Impossible,
    Isotropic,
    Readable,
    Rule,
    Within,
)
from syda.expectations.tables import Row


def row(case, **found):
    size = {"spacing_i": 1.5, "spacing_j": 1.5, "spacing_k": 1.5}
    return replace(Row(case, orientation="RAS", sha256=case, split="train", **size), **found)


def verdict(rows, check):
    (result,) = runner.validate(rows, [Rule("rule", "A sentence.", check)])
    return result


WITHIN = Within(("spacing_i",), 1.499, 1.501, "mm")


def test_a_range_passes_and_tells_what_it_saw():
    result = verdict([row("a"), row("b", spacing_i=1.5005)], WITHIN)
    assert result.verdict == "passed"
    assert result.observed == "1.5 to 1.5005 mm in 2 volumes"
    assert result.failing == ()


@pytest.mark.parametrize("spacing", [1.4989, 1.5011, 2.0, None, float("nan")])
def test_a_range_fails_on_values_outside_and_on_missing_ones(spacing):
    result = verdict([row("a"), row("b", spacing_i=spacing)], WITHIN)
    assert result.verdict == "failed"
    assert [failure.case for failure in result.failing] == ["b"]


def test_a_range_without_upper_bound_has_a_lower_one():
    check = Within(("spacing_i",), 1.0, None)
    assert verdict([row("a", spacing_i=1e9)], check).verdict == "passed"
    assert verdict([row("a", spacing_i=0.9)], check).verdict == "failed"


def test_a_range_over_columns_names_each_value_of_a_case():
    check = Within(("spacing_i", "spacing_j"), 1, 2)
    result = verdict([row("a", spacing_i=3.0, spacing_j=4.0)], check)
    assert result.failing[0].found == {"spacing_i": 3.0, "spacing_j": 4.0}


def test_a_value_fails_when_another_or_missing():
    rows = [row("a"), row("b", orientation="LAS"), row("c", orientation=None)]
    result = verdict(rows, Equals("orientation", "RAS"))
    assert [failure.case for failure in result.failing] == ["b", "c"]
    assert result.observed == "1 x LAS, 1 x RAS, 1 x no value"


def test_duplicates_are_all_named():
    result = verdict([row("a"), row("b", sha256="a"), row("c")], Different("sha256"))
    assert result.verdict == "failed"
    assert [failure.case for failure in result.failing] == ["a", "b"]


def test_an_unreadable_file_fails_one_rule_and_is_left_out_of_the_others():
    rows = [row("a"), Row("b", fault="truncated")]
    assert verdict(rows, WITHIN).verdict == "passed"
    assert verdict(rows, AtLeast(2)).verdict == "failed"
    result = verdict(rows, Readable())
    assert result.verdict == "failed"
    assert result.failing[0].found == {"fault": "truncated"}


@pytest.mark.parametrize(
    "check",
    [
        *(WITHIN, Isotropic(1.5, 0.001), Equals("orientation", "RAS")),
        *(Different("sha256"), Blank("attributes_missing"), Readable()),
    ],
    ids=lambda check: type(check).__name__,
)
def test_an_empty_table_passes_nothing(check):
    assert verdict([], check).verdict == "not checked"


def test_an_empty_table_fails_a_floor():
    result = verdict([], AtLeast(1))
    assert (result.verdict, result.observed) == ("failed", "0 volumes")


def test_a_range_without_lower_bound_has_an_upper_one():
    check = Within(("air_share",), None, 0.5, "%")
    result = verdict([row("a", air_share=0.0), row("b", air_share=0.5)], check)
    assert (result.verdict, result.observed) == ("passed", "0 to 50 % in 2 volumes")
    assert verdict([row("a", air_share=0.51)], check).verdict == "failed"


@pytest.mark.parametrize("wanted", [1.5, None], ids=["1.5 mm", "any size"])
def test_one_axis_of_another_length_is_not_isotropic(wanted):
    wrong = {
        f"{axis} of {size}": row(f"{axis} of {size}", **{axis: size})
        for axis in ("spacing_i", "spacing_j", "spacing_k")
        for size in (1.4985, 1.5015, 3.0, None, float("nan"), float("inf"))
    }
    result = verdict([row("a"), *wrong.values(), row("z")], Isotropic(wanted, 0.001))
    assert result.verdict == "failed"
    assert {failure.case for failure in result.failing} == set(wrong)
    for failure in result.failing:
        assert set(failure.found) == {"spacing_i", "spacing_j", "spacing_k"}


def test_a_size_is_isotropic_within_the_tolerance():
    rows = [row("a", spacing_j=1.5009), row("b", spacing_k=1.4991)]
    result = verdict(rows, Isotropic(1.5, 0.001))
    assert (result.verdict, result.observed) == ("passed", "1.4991 to 1.5009 mm in 2 volumes")
    assert verdict(rows, Isotropic(None, 0.001)).verdict == "passed"


def test_any_size_is_isotropic_where_each_volume_has_its_own():
    three = row("a", spacing_i=3.0, spacing_j=3.0, spacing_k=3.0)
    assert verdict([three, row("b")], Isotropic(None, 0.001)).verdict == "passed"
    result = verdict([three, row("b")], Isotropic(1.5, 0.001))
    assert [failure.case for failure in result.failing] == ["a"]


def test_an_unreadable_file_is_not_asked_for_its_size():
    assert verdict([row("a"), Row("b", fault="cut")], Isotropic(1.5, 0.001)).verdict == "passed"


def test_a_share_of_volumes_may_lack_something():
    rows = [row("a"), row("b", attributes_missing="kvp"), row("c"), row("d")]
    check = Blank("attributes_missing", 0.75)
    result = verdict(rows, check)
    assert (result.verdict, result.observed, result.failing) == ("passed", "3 of 4 volumes", ())
    result = verdict(rows[1:], check)
    assert (result.verdict, result.observed) == ("failed", "2 of 3 volumes")
    assert result.failing[0].found == {"attributes_missing": "kvp"}


def test_what_cannot_be_checked_says_why():
    result = verdict([row("a")], Impossible("there is no split"))
    assert (result.verdict, result.observed) == ("not checked", "there is no split")


def test_a_result_has_the_severity_of_its_rule():
    rule = Rule("rule", "A sentence.", WITHIN)
    results = runner.validate([row("a", spacing_i=3.0)], [rule, rule.as_warning()])
    assert [result.severity for result in results] == ["critical", "warning"]
    assert {result.verdict for result in results} == {"failed"}


def test_a_floor_counts_one_split():
    rows = [row("a"), row("b"), row("c", split="holdout")]
    assert verdict(rows, AtLeast(2, "train")).verdict == "passed"
    result = verdict(rows, AtLeast(2, "holdout"))
    assert (result.verdict, result.observed) == ("failed", "1 volume")


def test_a_fault_inside_great_expectations_is_not_a_verdict():
    with pytest.raises(RuntimeError, match="could not decide"):
        verdict([row("a")], Different("no_such_column"))
