"""Verdicts on the goals, computed from figures on held-out scans.

``met`` and ``not met`` are what a test found. ``not informative`` is a test that was met and tells
too little: it could not have failed, or it would have missed too much. ``not measured`` is a goal
without a figure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from syda.card.facts import Fact, Row
from syda.card.policy import QUESTIONS, Goal, Part, Policy, Question
from syda.card.power import RARE

Verdict = Literal["met", "not met", "not informative", "not measured"]

VERDICTS: tuple[Verdict, ...] = ("met", "not met", "not informative", "not measured")

NO_GOAL = "no goal set"

Figures = Mapping[str, Fact]
"""The figures of one metric, by name; not every metric has each of them.

``value`` of the synthetic volumes and ``real`` of real ones; and for what chance explains either
``low`` and ``high`` of the interval of their difference, or ``control_low`` and ``control_high`` of
the value, or ``p``. ``detectable`` is the smallest effect that the test would have found.
``untestable`` says why a test that is met could not have failed. ``rival`` is the figure of a
simpler method, which the value has to be better than.
"""


@dataclass(frozen=True)
class GoalResult:
    """A goal and its verdict on one figure.

    Attributes:
        part: of the evaluation's details.
        name: of the goal.
        question: that it answers.
        title: of the figure.
        aim: ``match``, ``lower`` or ``higher``: where a good figure lies.
        figures: behind the verdict.
        goal: in words.
        verdict: the fact.
        why: why the verdict is not informative; empty for another verdict.
    """

    part: Part
    name: str
    question: Question
    title: str
    aim: str
    figures: Figures
    goal: Fact
    verdict: Fact
    why: str = ""

    def columns(self) -> dict[str, Fact | str]:
        """Goal and verdict as columns of a row."""
        return {"goal": self.goal, "verdict": self.verdict, "not informative because": self.why}


class GoalChecker:
    """Compares figures with the goals of a policy, and collects the results.

    Args:
        policy: the goals.
        held_out: number of held-out scans.
    """

    def __init__(self, policy: Policy, held_out: Fact) -> None:
        self._policy = policy
        self._held_out = held_out
        self.results: list[GoalResult] = []

    def check(self, part: Part, key: str, title: str, aim: str, figures: Figures) -> Row:
        """Check a figure; return goal and verdict as columns of its row.

        Args:
            part: of the evaluation's details.
            key: of the figure there.
            title: of the figure, for people.
            aim: ``match``, ``lower`` or ``higher``: where a good figure lies.
            figures: of the holdout.
        """
        name = self._policy.name_for(part, key)
        if name is None:
            return {"goal": NO_GOAL, "verdict": NO_GOAL, "not informative because": ""}
        goal, words = self._policy.goals(part)[name], self._policy.words(part, name)
        verdict, behind, why = self._judge(goal, aim, figures)
        sources = (*words.sources, *(source for fact in behind for source in fact.sources))
        fact = Fact("verdict", verdict, "derived", tuple(dict.fromkeys(sources)))
        question = self._policy.question(part, name)
        result = GoalResult(part, name, question, title, aim, figures, words, fact, why)
        self.results.append(result)
        return result.columns()

    def _judge(self, goal: Goal, aim: str, figures: Figures) -> tuple[Verdict, list[Fact], str]:
        """The verdict on a figure, the figures behind it, and why it is not informative."""
        met, behind = _is_met(goal, aim, figures)
        if met is None:
            return "not measured", [], ""
        if goal.better_than:
            if "rival" not in figures:
                return "not measured", [], ""
            rival = figures["rival"]
            met, behind = met and _is_better(aim, figures["value"], rival), [*behind, rival]
        if _number(self._held_out) < self._policy.content.min_n:
            why, more = f"fewer than {self._policy.content.min_n} held-out scans", [self._held_out]
        else:
            why, more = _cannot_fail(goal, aim, figures) if met else ("", [])
        if goal.rule.startswith("times real") and _number(figures["real"]) <= 0:
            why = "a multiple of zero or less has no meaning"
        if why:
            return "not informative", [*behind, *more], why
        return ("met" if met else "not met"), behind, ""

    def summary(self) -> dict[str, Fact]:
        """Return the number of figures with a goal, and of those with each verdict."""
        sources = tuple(dict.fromkeys(s for one in self.results for s in one.verdict.sources))
        sources = sources or (f"{self._policy.path}#/metrics",)
        tested = sum(one.verdict.value != "not measured" for one in self.results)
        found = {"goals": Fact("Figures with a goal", tested, "derived", sources)}
        for verdict in VERDICTS[:3]:
            count = sum(one.verdict.value == verdict for one in self.results)
            name = f"goals_{verdict.replace(' ', '_')}"
            found[name] = Fact(f"Goals {verdict}", count, "derived", sources)
        without = [
            name.replace("_", " ") for part, name in self._goals() if not self._of(part, name)
        ]
        source = (f"{self._policy.path}#/",)
        found["goals_not_measured"] = Fact(
            "Goals not measured", ", ".join(without) or "none", "derived", source
        )
        found["goals_without_figure"] = Fact(
            "Number of goals not measured", len(without), "derived", source
        )
        return found | self._privacy()

    def _privacy(self) -> dict[str, Fact]:
        """The number of privacy goals with each verdict, and what that means."""
        results = [one for one in self.results if one.question == "privacy"]
        sources = tuple(dict.fromkeys(s for one in results for s in one.verdict.sources))
        sources = sources or (f"{self._policy.path}#/privacy",)
        counts = {
            verdict: sum(one.verdict.value == verdict for one in results)
            for verdict in VERDICTS[:3]
        }
        found = {
            f"privacy_goals_{verdict.replace(' ', '_')}": Fact(
                f"Privacy goals {verdict}", count, "derived", sources
            )
            for verdict, count in counts.items()
        }
        words = _privacy_in_words(counts)
        found["privacy_reading"] = Fact("What the privacy goals say", words, "derived", sources)
        return found

    def by_question(self) -> list[Row]:
        """Return a row for each question: how many of its goals have each verdict."""
        rows: list[Row] = []
        for question, words in QUESTIONS.items():
            found = [one for one in self.results if one.question == question]
            sources = tuple(dict.fromkeys(s for one in found for s in one.verdict.sources))
            row: dict[str, Fact | str] = {"question": question, "in words": words}
            for verdict in VERDICTS[:3]:
                count = sum(one.verdict.value == verdict for one in found)
                row[verdict] = Fact(verdict, count, "derived", sources) if found else "not measured"
            rows.append(row)
        return rows

    def reasons(self) -> list[Row]:
        """Return a row for each goal: the goal in words and its reason."""
        return [
            {
                "figure": name.replace("_", " "),
                "of": part,
                "goal": self._policy.words(part, name),
                "why": self._policy.reason(part, name),
            }
            for part, name in self._goals()
        ]

    def _goals(self) -> list[tuple[Part, str]]:
        parts: tuple[Part, ...] = ("metrics", "properties", "utility", "privacy")
        return [(part, name) for part in parts for name in sorted(self._policy.goals(part))]

    def _of(self, part: Part, name: str) -> list[GoalResult]:
        return [one for one in self.results if (one.part, one.name) == (part, name)]


def _is_met(goal: Goal, aim: str, figures: Figures) -> tuple[bool | None, list[Fact]]:
    """Whether a goal is met, None without its figures; and the figures behind that."""
    if goal.rule == "chance":
        return _by_chance(aim, figures)
    names = ("value",) if goal.rule in ("at most", "at least") else ("value", "real")
    if any(name not in figures for name in names):
        return None, []
    behind = [figures[name] for name in names]
    value, real = _number(behind[0]), _number(behind[-1])
    return _meets(goal, value, real), behind


def _meets(goal: Goal, value: float, real: float) -> bool:
    return {
        "difference at most": abs(value - real) <= goal.bound,
        "headroom at most": abs(value - real) <= goal.bound * (1 - real),
        "times real at most": value <= goal.bound * real,
        "times real at least": value >= goal.bound * real,
        "at most": value <= goal.bound,
        "at least": value >= goal.bound,
    }[goal.rule]


def _is_better(aim: str, value: Fact, rival: Fact) -> bool:
    """Whether a value is better than that of a simpler method."""
    ours, theirs = _number(value), _number(rival)
    return ours < theirs if aim == "lower" else ours > theirs


def _privacy_in_words(counts: Mapping[Verdict, int]) -> str:
    """What the verdicts on the privacy goals mean together."""
    if not any(counts.values()):
        return "No privacy goal is tested."
    if counts["not met"]:
        return "A privacy goal that is not met is a sign that volumes repeat training scans."
    if counts["met"]:
        return "No test found that volumes repeat training scans. That is no proof that none does."
    return (
        "The privacy tests tell too little. They show neither that volumes repeat training scans "
        "nor that they do not."
    )


def _cannot_fail(goal: Goal, aim: str, figures: Figures) -> tuple[str, list[Fact]]:
    """Why a goal that is met says too little, and the figures behind that; else empty."""
    if "untestable" in figures:
        return str(figures["untestable"].value), [figures["untestable"]]
    if goal.rule != "chance":
        real = _number(figures["real"]) if "real" in figures else 0.0
        ends = goal.possible or ()
        if ends and all(_meets(goal, end, real) for end in ends):
            return "every possible value meets it", []
        return "", []
    if "detectable" in figures:
        missed, behind = _number(figures["detectable"]), [figures["detectable"]]
    elif "control_high" in figures:
        behind = [figures[name] for name in ("control_low", "control_high")]
        low, high = map(_number, behind)
        missed = (high - low) / 2
    else:
        behind = [figures[name] for name in ("low", "high")]
        low, high = map(_number, behind)
        missed = {"lower": high, "higher": -low}.get(aim, max(high, -low))
    if missed > goal.bound:
        return f"an effect of {missed:.2g} could go unseen, {goal.bound:g} is allowed", behind
    return "", []


def _by_chance(aim: str, figures: Figures) -> tuple[bool | None, list[Fact]]:
    """Whether chance explains that a figure is worse; the aim says which side is worse."""
    if "p" in figures:
        return _number(figures["p"]) >= RARE, [figures["p"]]
    if {"value", "control_low", "control_high"} <= figures.keys():
        behind = [figures[name] for name in ("value", "control_low", "control_high")]
        value, low, high = map(_number, behind)
        beyond = {"lower": value > high, "higher": value < low}
    elif {"low", "high"} <= figures.keys():  # of the difference, which chance alone makes zero
        behind = [figures[name] for name in ("low", "high")]
        low, high = map(_number, behind)
        beyond = {"lower": low > 0, "higher": high < 0}
    else:
        return None, []
    return not (beyond[aim] if aim in beyond else any(beyond.values())), behind


def _number(fact: Fact) -> float:
    if isinstance(fact.value, bool) or not isinstance(fact.value, int | float):
        raise TypeError(f"{fact.sources[0]}: {fact.value!r} is no figure")
    return float(fact.value)
