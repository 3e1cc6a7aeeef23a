"""Each rule of each suite names the case with the fault planted for it, and no other."""

import json
from dataclasses import replace

import pytest

from syda.expectations import suites
from syda.expectations.config import ValidateParams
from syda.expectations.tables import Row
from syda.params import CtParams

PARAMS = ValidateParams(
    spacing_tolerance_mm=0.001,
    min_cases=4,
    min_cases_per_split=2,
    min_std_hu=50.0,
    side_voxels=(32, 800),
    p0_5_hu=(-1024, -900),
    p99_5_hu=(50, 1500),
    air_share=(0.02, 0.9),
    max_below_window_share=0.5,
    max_above_window_share=0.03,
    attributes=["kvp", "sex"],
    min_attributes_share=0.99,
)
CT = CtParams(spacing_mm=1.5, hu_min=-1024, hu_max=3071, window_min=-1000, window_max=1000, size=64)
BUILDERS = (suites.resampled, suites.records, suites.synthetic, suites.physical, suites.foreign)
SUITES = {build.__name__: build(PARAMS, CT) for build in BUILDERS}

CLEAN = [
    Row(
        f"case{n}",
        **dict.fromkeys(("spacing_i", "spacing_j", "spacing_k"), 1.5),
        **dict.fromkeys(("shape_i", "shape_j", "shape_k"), 64),
        orientation="RAS",
        not_finite=0,
        hu_min=-1000.0,
        hu_p0_5=-995.0,
        hu_p99_5=400.0,
        hu_max=1000.0,
        std_hu=450.0,
        air_share=0.5,
        below_window_share=0.0,
        above_window_share=0.0,
        sha256=str(n),
        patient=f"patient{n}",
        split="train" if n < 2 else "holdout",
    )
    for n in range(4)
]

GRID = {
    "spacing": {"spacing_j": 1.502, "spacing_i": 1.502, "spacing_k": 1.502},
    "orientation": {"orientation": "LPS"},
}
VOXELS = {
    "finite": {"not_finite": 1},
    "hu_range": {"hu_max": 3072.0},
    "not_constant": {"std_hu": 49.9},
    "unique_content": {"sha256": "3"},
    "hu_p0_5": {"hu_p0_5": -899.0},
    "hu_p99_5": {"hu_p99_5": 1501.0},
    "air_share": {"air_share": 0.01},
}
SATURATED = {
    "below_window": {"below_window_share": 0.51},
    "above_window": {"above_window_share": 0.031},
}
READABLE = {"readable": {"fault": "truncated"}}
ATTRIBUTES = {"attributes": {"attributes_missing": "kvp"}}
SCAN = GRID | VOXELS | SATURATED | {"side": {"shape_k": 31}}
FAULTS = {
    "resampled": SCAN | ATTRIBUTES | READABLE | {"described": {"description_fault": "none"}},
    "records": SCAN
    | ATTRIBUTES
    | {"indexed": {"fault": "truncated"}, "patient_in_one_split": {"patient": "patient3"}}
    | {"unique_case": {"case": "case3"}},
    "synthetic": VOXELS
    | READABLE
    | {"orientation": GRID["orientation"], "shape": {"shape_k": 63}}
    | {"isotropic": {"spacing_k": 1.502}, "hu_range": {"hu_max": 1001.0}},
    "physical": GRID | VOXELS | READABLE | {"side": {"shape_i": 801}},
    "foreign": SCAN | READABLE,
}
"""What breaks a rule of each suite, in the first row."""

FLOORS = {
    "resampled": {"at_least": ["case0", "case1", "case2"]},
    "records": {
        "at_least_in_train": ["case0", "case2", "case3"],
        "at_least_in_holdout": ["case0", "case1", "case2"],
    },
    "synthetic": {"at_least": ["case0", "case1", "case2"]},
    "physical": {"at_least": []},
    "foreign": {"at_least": ["case0"]},
}
"""Cases too few for a rule about their number."""

WARNINGS = {"side", "hu_p0_5", "hu_p99_5", "air_share", "below_window", "above_window"}
WARNINGS |= {"attributes"}

PAIRS = {"unique_content", "unique_case", "patient_in_one_split"}
"""Rules that two cases break together: the planted one and case3."""

UNCHECKED = {"unique_case", "described", "attributes", "indexed", "patient_in_one_split"}
UNCHECKED |= {"at_least_in_train", "at_least_in_holdout"}


def results_of(rows, suite):
    return {result.rule: result for result in suites.validate(rows, SUITES[suite])}


@pytest.fixture(scope="module")
def clean():
    """Results of the clean rows, by suite."""
    return {suite: results_of(CLEAN, suite) for suite in SUITES}


@pytest.mark.parametrize("suite", SUITES)
def test_a_clean_set_breaks_nothing(suite, clean):
    found = clean[suite]
    unchecked = {rule for rule, result in found.items() if result.verdict == "not checked"}
    assert unchecked == (UNCHECKED if suite == "foreign" else set())
    assert {found[rule].verdict for rule in found.keys() - unchecked} == {"passed"}


@pytest.mark.parametrize("suite", SUITES)
def test_each_rule_names_the_case_of_the_fault_planted_for_it(suite):
    faulty = {
        rule: replace(CLEAN[0], **{"case": rule, "sha256": rule, "patient": rule} | fault)
        for rule, fault in FAULTS[suite].items()
    }
    found = results_of([*CLEAN, *faulty.values()], suite)
    failing = {rule: [f.case for f in found[rule].failing] for rule in faulty}
    assert failing == {
        rule: sorted({row.case} | ({"case3"} if rule in PAIRS else set()))
        for rule, row in faulty.items()
    }
    assert {found[rule].verdict for rule in faulty} == {"failed"}
    assert {found[rule].verdict for rule in FLOORS[suite]} == {"passed"}


@pytest.mark.parametrize(
    ("suite", "rule"), [(suite, rule) for suite, floors in FLOORS.items() for rule in floors]
)
def test_too_few_cases_break_a_rule(suite, rule):
    few = FLOORS[suite][rule]
    found = results_of([row for row in CLEAN if row.case in few], suite)
    assert {name for name, result in found.items() if result.verdict == "failed"} == {rule}


@pytest.mark.parametrize("suite", SUITES)
def test_every_rule_has_a_planted_fault_and_its_severity(suite, clean):
    found = clean[suite]
    unchecked = UNCHECKED if suite == "foreign" else set()
    assert found.keys() == {*FAULTS[suite], *FLOORS[suite], *unchecked}
    warnings = {rule for rule, result in found.items() if result.severity == "warning"}
    few = {"at_least"} if suite == "foreign" else set()
    assert warnings == (WARNINGS | few) & found.keys()


def test_a_foreign_folder_is_checked_or_declined_for_every_rule_on_scans(clean):
    sentences = {suite: {result.sentence for result in clean[suite].values()} for suite in clean}
    assert sentences["foreign"] == sentences["resampled"] | sentences["records"]


@pytest.mark.parametrize("suite", ["resampled", "records", "synthetic", "physical"])
def test_a_suite_in_json_is_one_of_great_expectations(suite):
    """Great Expectations reads it back, and it holds nothing random."""
    text = json.dumps(suites.to_json(SUITES[suite]))
    read = suites.ExpectationSuite(**json.loads(text))
    assert read.expectations == SUITES[suite].expectations
    assert '"id"' not in text
    build = getattr(suites, suite)
    assert json.dumps(suites.to_json(build(PARAMS, CT))) == text


def alone(rule, suite):
    """The suite with the expectations of one rule."""
    chosen = [one for one in suite.expectations if one.meta["rule"] == rule]
    return suites.ExpectationSuite(suite.name, chosen)


def result_of(rule, *changes):
    """Result of a rule for the clean records, with changed values in the first ones."""
    rows = [replace(row, **change) for row, change in zip(CLEAN, changes, strict=False)]
    (result,) = suites.validate([*rows, *CLEAN[len(rows) :]], alone(rule, SUITES["records"]))
    return result


@pytest.mark.parametrize(("suite", "rule"), [("resampled", "spacing"), ("synthetic", "isotropic")])
def test_one_axis_of_another_length_shows_the_sizes_of_all(suite, rule):
    wrong = [
        replace(CLEAN[0], **{"case": f"{axis} of {size}", axis: size})
        for axis in ("spacing_i", "spacing_j", "spacing_k")
        for size in (1.4985, 1.5015, 3.0, None, float("nan"), float("inf"))
    ]
    (result,) = suites.validate([*CLEAN, *wrong], alone(rule, SUITES[suite]))
    assert {failure.case for failure in result.failing} == {row.case for row in wrong}
    for failure in result.failing:
        assert set(failure.found) == {"spacing_i", "spacing_j", "spacing_k"}


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("hu_range", {"hu_min": None, "hu_max": None}),
        ("hu_range", {"hu_min": float("nan")}),
        ("not_constant", {"std_hu": None}),
        ("orientation", {"orientation": None}),
        ("unique_content", {"sha256": None}),
        ("patient_in_one_split", {"patient": None}),
    ],
)
def test_a_missing_value_breaks_a_rule(rule, change):
    result = result_of(rule, change)
    assert [failure.case for failure in result.failing] == ["case0"]
    assert set(change) - {"patient"} <= result.failing[0].found.keys() | {"patient"}


@pytest.mark.parametrize(
    ("rule", "changes", "text"),
    [
        ("indexed", [{"fault": "cut"}], "4 files, 1 with a fault"),
        ("at_least_in_holdout", [], "2 volumes"),
        ("at_least_in_train", [{"fault": "cut"}], "1 volume"),
        ("spacing", [{"spacing_j": 1.5005}], "1.5 to 1.5005 mm in 4 volumes"),
        ("spacing", [{"spacing_j": 1.4991}, {"fault": "cut"}], "1.4991 to 1.5 mm in 3 volumes"),
        ("air_share", [{"air_share": 0.25}], "25 to 50 % in 4 volumes"),
        ("not_constant", [{"std_hu": None}] * 4, "nothing measured in 4 volumes"),
        (
            "orientation",
            [{"orientation": "LAS"}, {"orientation": None}],
            "1 x LAS, 2 x RAS, 1 x no value",
        ),
        ("unique_content", [{"sha256": "1"}], "3 different among 4 volumes"),
        ("attributes", [{"attributes_missing": "kvp"}], "3 of 4 volumes"),
    ],
)
def test_what_was_observed(rule, changes, text):
    assert result_of(rule, *changes).observed == text


def test_voxels_of_any_size_may_be_isotropic():
    coarse = replace(CLEAN[0], spacing_i=3.0, spacing_j=3.0, spacing_k=3.0005)
    (result,) = suites.validate([coarse, *CLEAN[1:]], alone("isotropic", SUITES["synthetic"]))
    assert (result.verdict, result.observed) == ("passed", "1.5 to 3.0005 mm in 4 volumes")


def test_a_share_of_cases_may_lack_attributes():
    suite = suites.resampled(PARAMS.model_copy(update={"min_attributes_share": 0.75}), CT)
    rows = [replace(CLEAN[0], attributes_missing="kvp"), *CLEAN[1:]]
    (result,) = suites.validate(rows, alone("attributes", suite))
    assert (result.verdict, result.failing) == ("passed", ())


@pytest.mark.parametrize("rows", [[], [Row("a", fault="cut")]], ids=["no row", "no readable row"])
def test_a_table_without_volumes_passes_nothing_and_fails_the_smallest_number(rows):
    found = results_of(rows, "resampled")
    assert found.pop("at_least").verdict == "failed"
    assert found.pop("readable").verdict == ("failed" if rows else "not checked")
    assert {result.verdict for result in found.values()} == {"not checked"}


def test_an_exception_inside_great_expectations_is_no_verdict(monkeypatch):
    table = suites.frame(CLEAN).drop(columns="sha256")
    monkeypatch.setattr(suites, "frame", lambda rows: table)
    with pytest.raises(RuntimeError, match="unique_content: Great Expectations could not decide"):
        suites.validate(CLEAN, alone("unique_content", SUITES["resampled"]))
