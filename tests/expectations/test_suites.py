"""Each rule of each suite names the case with the fault planted for it, and no other."""

from dataclasses import replace

import pytest

from syda.expectations import runner, suites
from syda.expectations.set_rules import Attributes
from syda.expectations.tables import Row
from syda.expectations.volume_rules import Bounds

BOUNDS = Bounds(
    spacing_mm=1.5,
    tolerance_mm=0.001,
    hu=(-1024, 3071),
    min_std_hu=50.0,
    side_voxels=(32, 800),
    p0_5_hu=(-1024, -900),
    p99_5_hu=(50, 1500),
    air_share=(0.02, 0.9),
    window=(-1000, 1000),
    max_below_window_share=0.5,
    max_above_window_share=0.03,
)
ASKED = Attributes(("kvp", "sex"), 0.99)
SUITES = {
    "resampled": suites.resampled(BOUNDS, 4, ASKED),
    "records": suites.records(BOUNDS, 2, ASKED),
    "cubes": suites.cubes(64, BOUNDS, 4),
    "exports": suites.exports(BOUNDS),
    "foreign": suites.foreign(BOUNDS, 4, 2, ASKED),
}

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
    "cubes": VOXELS
    | READABLE
    | {"orientation": GRID["orientation"], "shape": {"shape_k": 63}}
    | {"isotropic": {"spacing_k": 1.502}, "hu_range": {"hu_max": 1001.0}},
    "exports": GRID | VOXELS | READABLE | {"side": {"shape_i": 801}},
    "foreign": SCAN | READABLE,
}
"""What breaks a rule of each suite, in the first row."""

FLOORS = {
    "resampled": {"at_least": ["case0", "case1", "case2"]},
    "records": {
        "at_least_in_train": ["case0", "case2", "case3"],
        "at_least_in_holdout": ["case0", "case1", "case2"],
    },
    "cubes": {"at_least": ["case0", "case1", "case2"]},
    "exports": {"at_least": []},
    "foreign": {"at_least": ["case0"]},
}
"""Cases too few for a rule about their number."""

WARNINGS = {"side", "hu_p0_5", "hu_p99_5", "air_share", "below_window", "above_window"}
WARNINGS |= {"attributes"}

PAIRS = {"unique_content", "unique_case", "patient_in_one_split"}
"""Rules that two cases break together: the planted one and case3."""

UNCHECKED = {"unique_case", "described", "attributes", "indexed", "patient_in_one_split"}
UNCHECKED |= {"at_least_in_train", "at_least_in_holdout"}


def verdicts(rows, suite):
    return {result.rule: result for result in runner.validate(rows, SUITES[suite])}


@pytest.mark.parametrize("suite", SUITES)
def test_a_clean_set_breaks_nothing(suite):
    found = verdicts(CLEAN, suite)
    unchecked = {rule for rule, result in found.items() if result.verdict == "not checked"}
    assert unchecked == (UNCHECKED if suite == "foreign" else set())
    assert {found[rule].verdict for rule in found.keys() - unchecked} == {"passed"}


@pytest.mark.parametrize("suite", SUITES)
def test_each_rule_names_the_case_of_the_fault_planted_for_it(suite):
    faulty = {
        rule: replace(CLEAN[0], **{"case": rule, "sha256": rule, "patient": rule} | fault)
        for rule, fault in FAULTS[suite].items()
    }
    found = verdicts([*CLEAN, *faulty.values()], suite)
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
    found = verdicts([row for row in CLEAN if row.case in few], suite)
    assert {name for name, result in found.items() if result.verdict == "failed"} == {rule}


@pytest.mark.parametrize("suite", SUITES)
def test_every_rule_has_a_planted_fault_a_name_of_its_own_and_its_severity(suite):
    rules = SUITES[suite]
    names = [rule.name for rule in rules]
    unchecked = UNCHECKED if suite == "foreign" else set()
    assert sorted(names) == sorted({*FAULTS[suite], *FLOORS[suite], *unchecked})
    warnings = {rule.name for rule in rules if rule.severity == "warning"}
    few = {"at_least"} if suite == "foreign" else set()
    assert warnings == (WARNINGS | few) & set(names)
    assert all(rule.sentence.endswith(".") for rule in rules)


def test_every_rule_for_scans_is_asked_or_declined_of_a_foreign_folder():
    scans = {rule.sentence for name in ("resampled", "records") for rule in SUITES[name]}
    assert {rule.sentence for rule in SUITES["foreign"]} == scans
