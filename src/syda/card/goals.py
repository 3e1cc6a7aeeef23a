"""Verdicts on the goals, computed from figures on held-out scans: met, not met, not measured."""

from collections.abc import Mapping, Sequence
from typing import Literal

from syda.card.facts import Fact, Row
from syda.card.policy import Goal, Part, Policy

Verdict = Literal["met", "not met", "not measured"]

NO_GOAL = "no goal set"

FEWEST = 0.025
"""Probability below which chance does not explain a figure, as in the privacy verdict."""

Figures = Mapping[str, Fact]
"""The figures of one metric, by name; not every metric has each of them.

``value`` of the synthetic volumes and ``real`` of real ones; and for what chance explains either
``low`` and ``high`` of the interval of their difference, or ``control_low`` and ``control_high`` of
the value, or ``p``.
"""


class GoalChecker:
    """Compares figures with the goals of a policy, and collects the verdicts.

    Args:
        policy: the goals.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._verdicts: dict[tuple[Part, str], list[tuple[str, Fact]]] = {}

    def columns(
        self, part: Part, key: str, title: str, aim: str, figures: Figures
    ) -> dict[str, Fact | str]:
        """Return the goal of a figure and the verdict, as columns of its row.

        Args:
            part: of the evaluation's details.
            key: of the figure there.
            title: of the figure, for people.
            aim: ``match``, ``lower`` or ``higher``: where a good figure lies.
            figures: of the holdout.
        """
        name = self._policy.name_for(part, key)
        if name is None:
            return {"goal": NO_GOAL, "verdict": NO_GOAL}
        words = self._policy.words(part, name)
        verdict, behind = _verdict(self._policy.goals(part)[name], aim, figures)
        sources = (*words.sources, *(source for fact in behind for source in fact.sources))
        fact = Fact("verdict of this figure", verdict, "derived", sources)
        self._verdicts.setdefault((part, name), []).append((title, fact))
        return {"goal": words, "verdict": fact}

    def summary(self) -> tuple[dict[str, Fact], list[Row]]:
        """Return the verdicts on all goals: facts, and one row for each goal."""
        rows: list[Row] = []
        by_verdict: dict[str, list[str]] = {"met": [], "not met": [], "not measured": []}
        sources: list[str] = []
        for part in ("metrics", "properties", "privacy"):
            for name in sorted(self._policy.goals(part)):
                found = self._verdicts.get((part, name), [])
                words, verdict = self._policy.words(part, name), _together(found)
                behind = tuple(source for _, fact in found for source in fact.sources)
                failing = ", ".join(title for title, fact in found if fact.value == "not met")
                figure = name.replace("_", " ")
                rows.append({
                    "figure": figure,
                    "of": part,
                    "goal": words,
                    "verdict": Fact("verdict", verdict, "derived", behind or words.sources),
                    "not met by": Fact("not met by", failing, "derived", behind) if failing
                    else "none",
                    "why": self._policy.reason(part, name),
                })  # fmt: skip
                several = failing and len(found) > 1
                by_verdict[verdict].append(f"{figure} ({failing})" if several else figure)
                sources += behind or words.sources
        once = tuple(dict.fromkeys(sources)) or (f"{self._policy.path}#/metrics",)
        facts = {
            "goals": Fact("Goals set", len(rows), "derived", once),
            "goals_met": Fact("Goals met", len(by_verdict["met"]), "derived", once),
        }
        for verdict in ("not met", "not measured"):
            names = ", ".join(by_verdict[verdict]) or "none"
            facts[f"goals_{verdict.replace(' ', '_')}"] = Fact(
                f"Goals {verdict}", names, "derived", once
            )
        return facts, rows


def _together(verdicts: Sequence[tuple[str, Fact]]) -> Verdict:
    """A goal for several figures is met if each of them is measured and meets it."""
    values = {fact.value for _, fact in verdicts}
    if "not met" in values:
        return "not met"
    return "met" if values == {"met"} else "not measured"


def _verdict(goal: Goal, aim: str, figures: Figures) -> tuple[Verdict, list[Fact]]:
    """The verdict on a figure, and the figures behind it."""
    if goal.rule == "chance":
        return _by_chance(aim, figures)
    others = [] if goal.rule in ("at most", "at least") else ["real"]
    if any(name not in figures for name in ("value", *others)):
        return "not measured", []
    behind = [figures[name] for name in ("value", *others)]
    value, *rest = (_number(fact) for fact in behind)
    bound, real = goal.bound or 0.0, rest[0] if rest else 0.0
    if goal.rule.startswith("times real") and real <= 0:
        return "not measured", behind  # a multiple of zero or less has no meaning
    met = {
        "difference at most": abs(value - real) <= bound,
        "times real at most": value <= bound * real,
        "times real at least": value >= bound * real,
        "at most": value <= bound,
        "at least": value >= bound,
    }[goal.rule]
    return "met" if met else "not met", behind


def _by_chance(aim: str, figures: Figures) -> tuple[Verdict, list[Fact]]:
    """Whether chance explains that a figure is worse; the aim says which side is worse."""
    if "p" in figures:
        return "met" if _number(figures["p"]) >= FEWEST else "not met", [figures["p"]]
    if {"value", "control_low", "control_high"} <= figures.keys():
        behind = [figures[name] for name in ("value", "control_low", "control_high")]
        value, low, high = map(_number, behind)
        beyond = {"lower": value > high, "higher": value < low}
    elif {"low", "high"} <= figures.keys():  # of the difference, which chance alone makes zero
        behind = [figures[name] for name in ("low", "high")]
        low, high = map(_number, behind)
        beyond = {"lower": low > 0, "higher": high < 0}
    else:
        return "not measured", []
    worse = beyond[aim] if aim in beyond else any(beyond.values())
    return "not met" if worse else "met", behind


def _number(fact: Fact) -> float:
    if isinstance(fact.value, bool) or not isinstance(fact.value, int | float):
        raise TypeError(f"{fact.sources[0]}: {fact.value!r} is no figure")
    return float(fact.value)
