"""Required fields and goals of a card: model_card/policy.yaml, read and checked.

A goal has the name of a figure: its key in the evaluation's details without the protocol. The goal
``anatomy`` is for each figure whose key begins with ``anatomy_``; if two names fit, the longer one
counts. The possible names are listed here, so that a misspelt one is an error, but a figure that
the run was too small for is not.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from syda.card.declared import Strict, checked
from syda.card.facts import CLINICAL, OWNER, ROLES, CardSection, Fact, absent
from syda.errors import UsageError
from syda.metrics import registry
from syda.metrics.privacy_results import TESTS
from syda.properties.schema import MEASURED

Part = Literal["metrics", "properties", "utility", "privacy"]

PARTS: tuple[Part, ...] = ("metrics", "properties", "utility", "privacy")

Question = Literal[
    "realism", "variety", "tissue HU", "anatomy", "follows request", "utility", "privacy"
]

QUESTIONS: dict[Question, str] = {
    "realism": "Do the volumes look like scans?",
    "variety": "Do they differ as scans do?",
    "tissue HU": "Do tissues have the right HU?",
    "anatomy": "Is the anatomy there?",
    "follows request": "Do they have the properties that were asked for?",
    "utility": "Do models learn from them what they learn from scans?",
    "privacy": "Do they repeat training scans?",
}
"""The questions of page 1, which group the goals."""

LEARNED = ("fat_share", "body_width_mm", "sex")
"""Properties that the evaluation's regressors learn."""

_OF_PART: dict[Part, Question] = {
    "properties": "follows request", "utility": "utility", "privacy": "privacy",
}  # fmt: skip

_OF_CRITERION: dict[str, Question] = {
    "Congruence": "realism", "Coverage": "variety", "Constraint": "anatomy",
}  # fmt: skip
"""Question of a metric whose goal is in its spec, by its C."""


def goal_keys(part: Part) -> list[str]:
    """Keys without the protocol of all figures of a part: a goal can be set for each.

    >>> "kid" in goal_keys("metrics"), "ratio" in goal_keys("privacy")
    (True, True)
    """
    if part == "metrics":
        return sorted(spec.key for spec in registry.specs())
    return sorted({"properties": MEASURED, "utility": LEARNED, "privacy": TESTS}[part])


Rule = Literal[
    "difference at most", "headroom at most", "times real at most", "times real at least",
    "at most", "at least", "chance",
]  # fmt: skip

RULES: dict[Rule, str] = {
    "difference at most": "within {:g} of the real figure",
    "headroom at most": "within {:g} of what the real figure lacks to 1",
    "times real at most": "at most {:g} times the real figure",
    "times real at least": "at least {:g} times the real figure",
    "at most": "at most {:g}",
    "at least": "at least {:g}",
    "chance": "not worse than chance explains",
}
"""Each rule in words; ``{:g}`` is its bound."""


class Goal(Strict):
    """The rule for a figure, and the reason.

    Attributes:
        rule: a key of :data:`RULES`.
        bound: of the rule; of ``chance`` the largest effect that may go unseen.
        reason: for people.
        question: that it answers; of a metric alone.
        possible: lowest and highest value that the figure can have.
        better_than: a simpler method, whose figure has to be worse; of utility alone.
    """

    rule: Rule
    bound: float
    reason: str
    question: Question | None = None
    possible: tuple[float, float] | None = None
    better_than: Literal["the resized mean scan"] | None = None

    @model_validator(mode="after")
    def _low_before_high(self) -> Self:
        if self.possible and self.possible[0] >= self.possible[1]:
            raise ValueError("possible: the lowest value comes first")
        return self


class PolicyFile(Strict):
    """Structure of the file; only the confirmation may be empty."""

    structure: str
    required: dict[str, tuple[str, ...]]
    min_n: Annotated[int, Field(ge=1)]
    set_by: str
    set_when: str
    confirmed_by: str | None
    metrics: dict[str, Goal]
    properties: dict[str, Goal]
    utility: dict[str, Goal]
    privacy: dict[str, Goal]


class Policy:
    """The policy as facts.

    Args:
        path: of the file, relative to the repository root.
        content: of the file.
        defaults: key of a metric to the goal of its spec and to the goal's source.
    """

    def __init__(
        self,
        path: str,
        content: PolicyFile,
        defaults: Mapping[str, tuple[Goal, str]] | None = None,
    ) -> None:
        self.path = path
        self.content = content
        self._defaults = defaults or {}

    def with_defaults(self, path: str, metrics: Mapping[str, Mapping[str, Any]]) -> "Policy":
        """Return the policy with the goals of metrics' specs, for metrics that have no other goal.

        Args:
            path: of the evaluation's details.
            metrics: key to a metric's entry there.
        """
        defaults = {
            key: (Goal(**entry["goal"]), f"{path}#/metrics/{key}/goal")
            for key, entry in metrics.items()
            if "goal" in entry and self.name_for("metrics", key) is None
        }
        return Policy(self.path, self.content, defaults)

    def goals(self, part: Part) -> Mapping[str, Goal]:
        """Goals of a part by the name that they are set for."""
        found: Mapping[str, Goal] = getattr(self.content, part)
        defaults = self._defaults if part == "metrics" else {}
        return {**found, **{key: goal for key, (goal, _) in defaults.items()}}

    def _source(self, part: Part, name: str) -> str:
        if part == "metrics" and name in self._defaults:
            return self._defaults[name][1]
        return f"{self.path}#/{part}/{name}"

    def name_for(self, part: Part, key: str) -> str | None:
        """The name of the goal that is set for a key, or None."""
        fitting = [name for name in self.goals(part) if f"{key}_".startswith(f"{name}_")]
        return max(fitting, key=len, default=None)

    def question(self, part: Part, name: str) -> Question:
        """Return the question that a goal answers."""
        goal = self.goals(part)[name]
        if part != "metrics":
            return _OF_PART[part]
        if goal.question:
            return goal.question
        spec = registry.spec_of(name)
        return _OF_CRITERION.get(spec.criterion if spec else "", "realism")

    def words(self, part: Part, name: str) -> Fact:
        """Return a goal in words."""
        goal = self.goals(part)[name]
        keys = ("rule", "bound", *(("better_than",) if goal.better_than else ()))
        sources = tuple(f"{self._source(part, name)}/{key}" for key in keys)
        words = RULES[goal.rule].format(goal.bound)
        if goal.better_than:
            words += f", and better than {goal.better_than}"
        return Fact("goal", words, "setting", sources)

    def reason(self, part: Part, name: str) -> Fact:
        """Return the reason of a goal."""
        source = f"{self._source(part, name)}/reason"
        return Fact("why", self.goals(part)[name].reason, "declared", (source,), exact=True)

    def facts(self) -> dict[str, Fact]:
        """Who set the goals, when, and who confirmed them."""
        confirmed, label = self.content.confirmed_by, "Confirmation of the goals"
        who, note = f"{OWNER} with the {CLINICAL}", "the goals are the developers' alone"
        return {
            "goals_set_by": self._declared("Who set the goals", "set_by", self.content.set_by),
            "goals_set_when": self._declared(
                "When the goals were set", "set_when", self.content.set_when
            ),
            "goals_confirmed_by": self._declared(label, "confirmed_by", confirmed)
            if confirmed
            else absent(label, who, note),
        }

    def _declared(self, label: str, key: str, value: str) -> Fact:
        return Fact(label, value, "declared", (f"{self.path}#/{key}",), exact=True)

    def check_required(self, sections: Mapping[str, CardSection]) -> None:
        """Check that each required field is a fact or a table of the sections.

        Raises:
            UsageError: one has none.
        """
        for number, names in self.content.required.items():
            section = sections.get(number)
            for name in names:
                if section is None or not (name in section.facts or name in section.tables):
                    raise UsageError(
                        f"{self.path}: required: {number}.{name}: the card has no such field: "
                        "`syda card explain` lists similar names"
                    )


def read(root: Path, path: Path, structure: str) -> Policy:
    """Read and check the policy.

    Args:
        root: repository root.
        path: of the file, relative to root.
        structure: version that card.json has.

    Raises:
        UsageError: not YAML, an unknown, missing or mistyped key, a placeholder, a goal for a
            figure that there is not, or another structure of card.json.
    """
    found = checked(root, path, PolicyFile, "a goal has a rule, a bound and a reason")
    if found.structure != structure:
        raise UsageError(
            f"{path}: structure: {found.structure!r} is not that of card.json, {structure!r}"
        )
    if found.set_by not in ROLES:
        raise UsageError(f"{path}: set_by: {found.set_by!r} is none of: {', '.join(ROLES)}")
    policy = Policy(path.as_posix(), found)
    for part in PARTS:
        keys = goal_keys(part)
        for name in policy.goals(part):
            if not any(f"{key}_".startswith(f"{name}_") for key in keys):
                raise UsageError(
                    f"{path}: {part}.{name}: no figure is called that; known: {', '.join(keys)}"
                )
    return policy
