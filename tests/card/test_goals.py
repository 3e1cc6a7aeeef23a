import pytest

from syda.card.facts import SCHEMA, Fact
from syda.card.goals import NO_GOAL, GoalChecker
from syda.card.policy import Goal, Policy, PolicyFile


def policy(**metrics):
    return Policy(
        "policy.yaml",
        PolicyFile(
            structure=SCHEMA, required={}, set_by="development team", set_when="before",
            confirmed_by=None, metrics=metrics, properties={}, privacy={},
        ),
    )  # fmt: skip


def goal(rule, bound=None):
    return Goal(rule=rule, bound=bound, reason="because")


def figures(**values):
    return {name: Fact(name, value, "measured", (f"d#/{name}",)) for name, value in values.items()}


def verdict(one, aim="lower", **values):
    judge = GoalChecker(policy(kid=one))
    return judge.columns("metrics", "kid_poly3", "KID", aim, figures(**values))["verdict"].value


@pytest.mark.parametrize(
    ("rule", "bound", "met", "not_met"),
    [
        ("difference at most", 0.25, {"value": 0.75, "real": 1.0}, {"value": 1.26, "real": 1.0}),
        ("times real at most", 2.0, {"value": 4.0, "real": 2.0}, {"value": 4.1, "real": 2.0}),
        ("times real at least", 0.5, {"value": 1.0, "real": 2.0}, {"value": 0.9, "real": 2.0}),
        ("at most", 2.0, {"value": 2.0}, {"value": 2.1}),
        ("at least", 0.5, {"value": 0.5}, {"value": 0.4}),
        ("chance", None, {"p": 0.025}, {"p": 0.024}),
    ],
)
def test_each_rule_on_both_sides_of_its_bound(rule, bound, met, not_met):
    assert verdict(goal(rule, bound), **met) == "met"
    assert verdict(goal(rule, bound), **not_met) == "not met"


@pytest.mark.parametrize(
    ("low", "high", "lower", "higher", "match"),
    [
        (-1.0, 1.0, "met", "met", "met"),
        (0.1, 1.0, "not met", "met", "not met"),
        (-1.0, -0.1, "met", "not met", "not met"),
    ],
)
def test_chance_fears_the_side_that_the_aim_fears(low, high, lower, higher, match):
    for aim, expected in (("lower", lower), ("higher", higher), ("match", match)):
        assert verdict(goal("chance"), aim, value=3.0, real=2.0, low=low, high=high) == expected


def test_a_privacy_test_is_held_to_its_control():
    control = {"control_low": 0.3, "control_high": 0.7}
    assert verdict(goal("chance"), value=0.7, **control) == "met"
    assert verdict(goal("chance"), value=0.71, **control) == "not met"
    assert verdict(goal("chance"), value=0.1, **control) == "met"


def test_what_there_is_no_figure_for_is_not_measured():
    assert verdict(goal("at least", 0.5)) == "not measured"
    assert verdict(goal("difference at most", 0.5), value=1.0) == "not measured"
    assert verdict(goal("times real at most", 2.0), value=1.0, real=-0.1) == "not measured"
    assert verdict(goal("chance"), value=1.0) == "not measured"


def test_a_verdict_points_to_the_goal_and_to_the_figures():
    judge = GoalChecker(policy(kid=goal("times real at most", 2.0)))
    fact = judge.columns("metrics", "kid", "KID", "lower", figures(value=1.0, real=1.0))["verdict"]
    assert fact.kind == "derived"
    assert fact.sources == (
        "policy.yaml#/metrics/kid/rule", "policy.yaml#/metrics/kid/bound", "d#/value", "d#/real",
    )  # fmt: skip


def test_a_figure_without_a_goal_says_so():
    found = GoalChecker(policy()).columns("metrics", "kid", "KID", "lower", figures(value=1.0))
    assert found == {"goal": NO_GOAL, "verdict": NO_GOAL}


def test_all_goals_are_summed_up_and_one_for_several_figures_is_met_by_all():
    judge = GoalChecker(
        policy(anatomy=goal("at least", 0.9), kid=goal("at most", 1.0), hu_w1=goal("at most", 1.0))
    )
    for key, value in (("anatomy_body", 1.0), ("anatomy_spine", 0.8), ("hu_w1", 0.5)):
        judge.columns("metrics", key, key.title(), "higher", figures(value=value))
    facts, rows = judge.summary()
    assert {row["figure"]: row["verdict"].value for row in rows} == {
        "anatomy": "not met", "hu w1": "met", "kid": "not measured",
    }  # fmt: skip
    assert (facts["goals"].value, facts["goals_met"].value) == (3, 1)
    assert facts["goals_not_met"].value == "anatomy (Anatomy_Spine)"
    assert facts["goals_not_measured"].value == "kid"
