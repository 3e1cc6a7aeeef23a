"""The policy: what may be asked of which figure."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from syda import paths
from syda.card import policy
from syda.card.facts import SCHEMA
from syda.errors import UsageError
from syda.metrics import utility

REPOSITORY = Path(__file__).parents[2]
FILE = Path("policy.yaml")
GOAL = {"rule": "at most", "bound": 2.0, "reason": "because"}
CONTENT = {
    "structure": SCHEMA,
    "required": {},
    "min_n": 12,
    "set_by": "development team",
    "set_when": "before",
    "confirmed_by": None,
    "metrics": {"kid": GOAL},
    "properties": {},
    "utility": {},
    "privacy": {},
}


def read(root, **changes):
    with (root / FILE).open("w") as stream:
        YAML(typ="safe").dump(CONTENT | changes, stream)
    return policy.read(root, FILE, SCHEMA)


def test_the_shipped_policy_is_read_and_every_goal_has_its_reason():
    shipped = policy.read(REPOSITORY, paths.POLICY, SCHEMA)
    for part in policy.PARTS:
        assert shipped.goals(part)
        for name in shipped.goals(part):
            assert len(shipped.reason(part, name).value) > 10


def test_a_metric_without_a_goal_in_the_policy_has_that_of_its_spec(tmp_path):
    metrics = {
        "kid_poly3_x": {"goal": GOAL | {"bound": 9.0}},
        "lungs_v1": {"goal": GOAL},
        "hearts": {},
    }
    found = read(tmp_path).with_defaults("details.json", metrics)
    assert {name: goal.bound for name, goal in found.goals("metrics").items()} == {
        "kid": 2,
        "lungs_v1": GOAL["bound"],
    }
    assert found.name_for("metrics", "lungs_v1") == "lungs_v1"
    words, reason = found.words("metrics", "lungs_v1"), found.reason("metrics", "lungs_v1")
    goal = "details.json#/metrics/lungs_v1/goal"
    assert words.sources == (f"{goal}/rule", f"{goal}/bound")
    assert (reason.value, reason.sources) == (GOAL["reason"], (f"{goal}/reason",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": {"kidd": GOAL}}, r"metrics\.kidd: no figure is called that; known: .*kid, "),
        ({"metrics": {"kid_poly3": GOAL}}, r"metrics\.kid_poly3: no figure is called that"),
        ({"privacy": {"kid": GOAL}}, r"privacy\.kid: no figure is called that"),
        ({"metrics": {"kid": GOAL | {"rule": "about"}}}, r"metrics\.kid\.rule: Input should be"),
        ({"metrics": {"kid": GOAL | {"reason": "TBD"}}}, r"metrics\.kid\.reason: 'TBD' is no"),
        ({"metrics": {"kid": GOAL | {"bound": None}}}, r"metrics\.kid\.bound: Input should be"),
        ({"metrics": {"kid": GOAL | {"question": "x"}}}, r"metrics\.kid\.question: Input should"),
        ({"metrics": {"kid": GOAL | {"possible": [1.0, 0.0]}}}, r"the lowest value comes first"),
        ({"utility": {"kid": GOAL}}, r"utility\.kid: no figure is called that; known: body_width"),
        ({"min_n": 0}, r"min_n: Input should be greater"),
        ({"metrics": {"kid": GOAL | {"verdict": "met"}}}, r"Extra inputs .*a goal has a rule"),
        ({"set_by": "nobody"}, r"set_by: 'nobody' is none of: project owner, "),
        ({"structure": "syda-card-1"}, r"structure: 'syda-card-1' is not that of card\.json"),
    ],
)
def test_what_asks_for_nothing_that_can_be_is_refused(tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        read(tmp_path, **changes)


def test_the_longest_name_that_fits_counts(tmp_path):
    found = read(tmp_path, metrics={"hu_peak_fat": GOAL, "anatomy": GOAL})
    assert found.name_for("metrics", "anatomy_spine_r1") == "anatomy"
    assert found.name_for("metrics", "hu_peak_fat_s5") == "hu_peak_fat"
    assert found.name_for("metrics", "hu_peak_fatty") is None
    assert found.name_for("metrics", "hu_peak") is None


def test_a_goal_points_to_its_rule_and_bound(tmp_path):
    words = read(tmp_path).words("metrics", "kid")
    assert (words.value, words.kind) == ("at most 2", "setting")
    assert words.sources == (
        "policy.yaml#/metrics/kid/rule",
        "policy.yaml#/metrics/kid/bound",
    )


def test_an_unconfirmed_goal_is_owed(tmp_path):
    fact = read(tmp_path).facts()["goals_confirmed_by"]
    assert (fact.kind, fact.owner) == ("absent", "project owner with the clinical lead")
    fact = read(tmp_path, confirmed_by="A Name, clinical lead").facts()["goals_confirmed_by"]
    assert (fact.kind, fact.value) == ("declared", "A Name, clinical lead")


def test_a_goal_answers_one_question(tmp_path):
    found = read(tmp_path, metrics={"kid": GOAL | {"question": "realism"}, "hu_w1": GOAL})
    assert found.question("metrics", "kid") == "realism"
    with_spec = found.with_defaults("d.json", {"z_share": {"goal": GOAL}})
    assert with_spec.question("metrics", "z_share") == "variety"


def test_every_goal_of_the_shipped_policy_answers_a_question():
    shipped = policy.read(REPOSITORY, paths.POLICY, SCHEMA)
    answered = {
        shipped.question(part, name) for part in policy.PARTS for name in shipped.goals(part)
    }
    assert answered == set(policy.QUESTIONS)


def test_the_learned_properties_are_those_of_the_evaluation():
    assert policy.LEARNED == utility.PROPERTIES
