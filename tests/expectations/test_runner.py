from dataclasses import replace

import pytest

from syda.expectations import runner, suites
from syda.expectations.suites import AtLeast, Different, Equals, Readable, Rule, Within
from syda.expectations.tables import Row


def row(case, **found):
    return replace(Row(case, spacing_i=1.5, orientation="RAS", sha256=case, split="train"), **found)


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


def test_an_empty_table_fails_the_floor_and_passes_nothing():
    suite = suites.resampled(1.5, 0.001, (-1024, 3071), 50, 1)
    results = runner.validate([], suite)
    verdicts = {result.rule: result.verdict for result in results}
    assert verdicts.pop("at_least") == "failed"
    assert set(verdicts.values()) == {"not checked"}


def test_a_floor_counts_one_split():
    rows = [row("a"), row("b"), row("c", split="holdout")]
    assert verdict(rows, AtLeast(2, "train")).verdict == "passed"
    result = verdict(rows, AtLeast(2, "holdout"))
    assert (result.verdict, result.observed) == ("failed", "1 volume")


def test_a_fault_inside_great_expectations_is_not_a_verdict():
    with pytest.raises(RuntimeError, match="could not decide"):
        verdict([row("a")], Different("no_such_column"))
