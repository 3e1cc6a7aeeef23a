import re
from dataclasses import replace

import pytest

from syda.dicom import config, selection
from syda.dicom.facts import CohortFacts
from syda.dicom.outcome import Outcome
from syda.dicom.reject import EXCLUSIONS, InputRejected, Reason

CASE = "c0123456789abcdef"


@pytest.fixture
def rules(convert_params):
    """Rules of the cohort, the widest where nothing is changed."""
    return lambda **changes: (
        convert_params({f"select.{k}": v for k, v in changes.items()})[0].select
    )


FACTS = CohortFacts(
    CASE, "p1", slices=20, modality="CT", spacing_mm=5.0, length_mm=200.0, oblique_degrees=0.0
)


def facts_with(**changes):
    return replace(FACTS, **changes)


def reason(facts, rules):
    with pytest.raises(InputRejected) as error:
        selection.check(facts, rules)
    assert error.value.reason in EXCLUSIONS
    return error.value.reason


def test_the_widest_rules_accept_a_header_that_states_nothing(rules):
    selection.check(FACTS, rules())
    selection.check(replace(FACTS, spacing_mm=None, length_mm=None), rules())


@pytest.mark.parametrize(
    ("changes", "facts", "sound", "expected"),
    [
        ({"min_slices": 21}, {}, {"slices": 21}, Reason.TOO_FEW_SLICES),
        ({}, {"modality": "PT"}, {}, Reason.OTHER_MODALITY),
        ({}, {"modality": ""}, {}, Reason.OTHER_MODALITY),
        ({"body_parts": ["ABDOMEN"]}, {}, {"body_part": "ABDOMEN"}, Reason.OTHER_BODY_PART),
        ({"body_parts": ["PELVIS"]}, {"body_part": "CHEST"}, {"body_part": "PELVIS"},
         Reason.OTHER_BODY_PART),
        ({"contrast": "without"}, {"contrast": True}, {"contrast": False}, Reason.CONTRAST_AGENT),
        ({}, {"burned_in": "YES"}, {"burned_in": "NO"}, Reason.BURNED_IN_ANNOTATION),
        ({}, {"recognizable": "YES"}, {"recognizable": "NO"}, Reason.RECOGNIZABLE_FEATURES),
        ({"derived": "without"}, {"derived": True}, {}, Reason.DERIVED),
        ({}, {"named_reformat": True}, {}, Reason.REFORMAT),
        ({}, {"oblique_degrees": 90.0}, {"oblique_degrees": 4.9}, Reason.REFORMAT),
        ({"exclude": [f"{CASE} stone"]}, {}, {"case": "c" + "f" * 16}, Reason.READER_STONE),
        # voxels against the header, or against a rule that the header is silent about
        ({"voxel_contrast": "exclude"}, {"contrast": False, "enhanced_share": 0.5},
         {"enhanced_share": 0.5}, Reason.CONTRAST_DIFFERS),
        ({"voxel_contrast": "exclude"}, {"contrast": True, "enhanced_share": 0.01},
         {"contrast": True, "enhanced_share": 0.1}, Reason.CONTRAST_DIFFERS),
        ({"voxel_contrast": "exclude", "contrast": "without"}, {"enhanced_share": 0.5},
         {"enhanced_share": 0.01}, Reason.CONTRAST_DIFFERS),
    ],
    ids=str,
)  # fmt: skip
def test_each_rule_excludes_what_it_names(rules, changes, facts, sound, expected):
    bounds = rules(**changes)
    assert reason(facts_with(**facts), bounds) is expected
    selection.check(facts_with(**sound), bounds)


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"reformats": "any"}, {"named_reformat": True, "oblique_degrees": 90.0}),
        ({}, {"derived": True}),
        ({}, {"contrast": False, "enhanced_share": 0.5}),  # a warning
    ],
)
def test_what_the_rules_accept(rules, changes, facts):
    selection.check(facts_with(**facts), rules(**changes))


@pytest.mark.parametrize(
    ("spacing_mm", "length_mm", "expected"),
    [
        (5.0, 195.0, Reason.SCAN_LENGTH),
        (5.0, 405.0, Reason.SCAN_LENGTH),
        (5.01, 200.4, Reason.SLICE_DISTANCE),
    ],
)
def test_the_rules_of_spacing_and_length_include_their_bounds(
    rules, spacing_mm, length_mm, expected
):
    bounds = rules(min_length_mm=200.0, max_length_mm=400.0, max_slice_spacing_mm=5.0)
    selection.check(facts_with(spacing_mm=5.0, length_mm=200.0), bounds)
    selection.check(facts_with(spacing_mm=5.0, length_mm=400.0), bounds)
    assert reason(facts_with(spacing_mm=spacing_mm, length_mm=length_mm), bounds) is expected


def test_an_earlier_outcome_is_judged_by_new_rules(rules):
    case = Outcome(CASE, "p1", {"sex": "F"}, facts=facts_with(contrast=True))
    assert selection.judged(case, rules()) is case
    without = selection.judged(case, rules(contrast="without"))
    assert (without.label, without.reason) == (CASE, Reason.CONTRAST_AGENT)
    assert selection.judged(without, rules(min_slices=21)).reason is Reason.TOO_FEW_SLICES
    assert selection.judged(without, rules()) is None  # it was not converted
    fault = Outcome("s1", reason=Reason.MISSING_SLICES, facts=facts_with(body_part="HEAD"))
    assert selection.judged(fault, rules()) is fault
    assert selection.judged(fault, rules(body_parts=["ABDOMEN"])).label == CASE
    damaged = Outcome("s1", reason=Reason.DAMAGED)
    assert selection.judged(damaged, rules(body_parts=["ABDOMEN"])) is damaged


def test_every_finding_is_a_reason():
    for finding in config.FINDINGS:
        assert re.fullmatch(config.EXCLUDED_CASE, f"{CASE} {finding}")
        assert Reason(f"reader_{finding}") in EXCLUSIONS
