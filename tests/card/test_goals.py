import pytest

from syda.card.facts import SCHEMA, Fact
from syda.card.goals import NO_GOAL, GoalChecker
from syda.card.policy import Goal, Policy, PolicyFile


def policy(**metrics):
    return Policy(
        "policy.yaml",
        PolicyFile(
            structure=SCHEMA, required={}, min_n=12, set_by="development team",
            set_when="before", confirmed_by=None, metrics=metrics, properties={}, utility={},
            privacy={},
        ),
    )  # fmt: skip


def goal(rule, bound=1.0, **more):
    return Goal(rule=rule, bound=bound, reason="because", **more)


def figures(**values):
    return {name: Fact(name, value, "measured", (f"d#/{name}",)) for name, value in values.items()}


def checker(held_out=21, **metrics):
    return GoalChecker(policy(**metrics), Fact("held out", held_out, "measured", ("p#/cases",)))


def result(one, aim="lower", held_out=21, **values):
    goals = checker(held_out, kid=one)
    goals.check("metrics", "kid_poly3", "KID", aim, figures(**values))
    return goals.results[0]


def verdict(one, aim="lower", **values):
    return result(one, aim, **values).verdict.value


@pytest.mark.parametrize(
    ("rule", "bound", "met", "not_met"),
    [
        ("difference at most", 0.25, {"value": 0.75, "real": 1.0}, {"value": 1.26, "real": 1.0}),
        ("headroom at most", 0.5, {"value": 0.95, "real": 0.9}, {"value": 0.96, "real": 0.9}),
        ("times real at most", 2.0, {"value": 4.0, "real": 2.0}, {"value": 4.1, "real": 2.0}),
        ("times real at least", 0.5, {"value": 1.0, "real": 2.0}, {"value": 0.9, "real": 2.0}),
        ("at most", 2.0, {"value": 2.0}, {"value": 2.1}),
        ("at least", 0.5, {"value": 0.5}, {"value": 0.4}),
        ("chance", 1.0, {"p": 0.025, "detectable": 0.5}, {"p": 0.024, "detectable": 0.5}),
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


def test_a_privacy_test_is_compared_with_its_control():
    control = {"control_low": 0.3, "control_high": 0.7}
    assert verdict(goal("chance"), value=0.7, **control) == "met"
    assert verdict(goal("chance"), value=0.71, **control) == "not met"
    assert verdict(goal("chance"), value=0.1, **control) == "met"


@pytest.mark.parametrize(
    ("one", "values", "why"),
    [
        (goal("chance", 0.1), {"value": 0.5, "control_low": 0.3, "control_high": 0.7},
         "an effect of 0.2 could go unseen, 0.1 is allowed"),
        (goal("chance", 0.1), {"low": -0.5, "high": 0.3},
         "an effect of 0.3 could go unseen, 0.1 is allowed"),
        (goal("chance", 0.1), {"p": 0.5, "detectable": 0.26},
         "an effect of 0.26 could go unseen, 0.1 is allowed"),
        (goal("difference at most", 0.05, possible=(0.0, 1.0)), {"value": 0.97, "real": 0.5}, ""),
        (goal("headroom at most", 100.0, possible=(0.0, 1.0)), {"value": 0.99, "real": 0.98},
         "every possible value meets it"),
        (goal("times real at most", 2.0), {"value": 1.0, "real": -0.1},
         "a multiple of zero or less has no meaning"),
        (goal("at least", 0.9), {"value": 2.0, "untestable": "volumes lie far away"},
         "volumes lie far away"),
        (goal("at least", 2.1), {"value": 2.0, "untestable": "volumes lie far away"}, ""),
        (goal("chance"), {"p": 0.01, "untestable": "volumes lie far away"}, ""),
    ],
)  # fmt: skip
def test_a_test_that_could_not_fail_is_not_informative(one, values, why):
    found = result(one, **values)
    assert found.why == why
    assert found.verdict.value == ("not informative" if why else "not met")


def test_a_test_that_failed_could_fail():
    band = {"control_low": 0.3, "control_high": 0.7}
    assert verdict(goal("chance", 0.1), value=0.8, **band) == "not met"


@pytest.mark.parametrize("value", [0.5, 3.0])
def test_with_few_held_out_scans_no_goal_is_informative(value):
    found = result(goal("at most", 1.0), held_out=11, value=value)
    assert (found.verdict.value, found.why) == ("not informative", "fewer than 12 held-out scans")
    assert "p#/cases" in found.verdict.sources
    assert result(goal("at most", 1.0), held_out=12, value=0.5).verdict.value == "met"


def test_what_there_is_no_figure_for_is_not_measured():
    assert verdict(goal("at least", 0.5)) == "not measured"
    assert verdict(goal("difference at most", 0.5), value=1.0) == "not measured"
    assert verdict(goal("chance"), value=1.0) == "not measured"


@pytest.mark.parametrize(
    ("aim", "rival", "expected"),
    [("higher", 0.69, "met"), ("higher", 0.7, "not met"), ("higher", 0.71, "not met"),
     ("lower", 0.71, "met"), ("lower", 0.7, "not met")],
)  # fmt: skip
def test_a_figure_has_to_beat_the_simpler_method(aim, rival, expected):
    one = goal("times real at least", 0.5, better_than="the resized mean scan")
    found = result(one, aim, value=0.7, real=0.9, rival=rival)
    assert found.verdict.value == expected
    assert {"d#/rival", "policy.yaml#/metrics/kid/better_than"} <= set(found.verdict.sources)
    assert found.goal.value.endswith(", and better than the resized mean scan")
    assert verdict(one, aim, value=0.7, real=0.9) == "not measured"


@pytest.mark.parametrize(
    ("p", "detectable", "words"),
    [
        (
            (0.5, 0.5),
            0.9,
            "The privacy tests tell too little. They show neither that",
        ),
        ((0.5, 0.5), 0.1, "No test found that volumes repeat training scans. That is no proof"),
        ((0.5, 0.01), 0.9, "A privacy goal that is not met is a sign that volumes repeat"),
    ],
)
def test_the_privacy_goals_are_read_together(p, detectable, words):
    content = policy().content.model_copy(
        update={"privacy": {name: goal("chance", 0.2) for name in ("authentic", "copies")}}
    )
    goals = GoalChecker(
        Policy("policy.yaml", content), Fact("held out", 21, "measured", ("p#/cases",))
    )
    for name, one in zip(("authentic", "copies_q5"), p, strict=True):
        goals.check("privacy", name, name, "lower", figures(p=one, detectable=detectable))
    assert goals.summary()["privacy_reading"].value.startswith(words)


def test_a_verdict_points_to_the_goal_and_to_the_figures():
    fact = result(goal("times real at most", 2.0), value=1.0, real=1.0).verdict
    assert fact.kind == "derived"
    assert fact.sources == (
        "policy.yaml#/metrics/kid/rule", "policy.yaml#/metrics/kid/bound", "d#/value", "d#/real",
    )  # fmt: skip


def test_a_figure_without_a_goal_says_so():
    found = checker().check("metrics", "kid", "KID", "lower", figures(value=1.0))
    assert (found["goal"], found["verdict"]) == (NO_GOAL, NO_GOAL)


def test_verdicts_are_counted_in_all_and_by_question():
    goals = checker(
        anatomy=goal("at least", 0.9, question="anatomy"),
        kid=goal("at most", question="realism"),
        hu_w1=goal("at most", question="tissue HU"),
    )
    for key, value in (("anatomy_body", 1.0), ("anatomy_spine", 0.8), ("hu_w1", 0.5)):
        goals.check("metrics", key, key.title(), "higher", figures(value=value))
    facts = {name: fact.value for name, fact in goals.summary().items()}
    assert facts == {
        "goals": 3, "goals_met": 2, "goals_not_met": 1, "goals_not_informative": 0,
        "goals_not_measured": "kid", "goals_without_figure": 1,
        "privacy_goals_met": 0, "privacy_goals_not_met": 0, "privacy_goals_not_informative": 0,
        "privacy_reading": "No privacy goal is tested.",
    }  # fmt: skip
    rows = {row["question"]: row for row in goals.by_question()}
    counted = [rows["anatomy"][verdict].value for verdict in ("met", "not met", "not informative")]
    assert counted == [1, 1, 0]
    assert rows["realism"]["met"] == "not measured"
    assert {row["figure"] for row in goals.reasons()} == {"anatomy", "kid", "hu w1"}
