"""What is asked of a card: model_card/policy.yaml, checked.

A goal is set by a figure's name: the key in the evaluation's details without the protocol, so that
it outlives one. ``anatomy`` is a goal for each figure whose key is that or begins with
``anatomy_``; where two names fit, the longer one counts. The names are listed here, so that a
misspelt one is an error at once, and one that the run at hand was too small for is none.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from syda.card.declared import Strict, checked
from syda.card.schema import CLINICAL, OWNER, ROLES, Fact, Section, absent
from syda.errors import UsageError

Part = Literal["metrics", "properties", "privacy"]

KNOWN: dict[Part, tuple[str, ...]] = {
    "metrics": (
        "anatomy", "coverage", "density", "fd_ratio", "gradient", "hu_median_bone", "hu_peak_fat",
        "hu_peak_lung", "hu_peak_soft", "hu_saturated", "hu_w1", "kid", "ms_ssim", "noise_power",
        "perceptual", "precision", "recall",
    ),
    "properties": (
        "body_depth_mm", "body_width_mm", "bone_share", "fat_share", "noise_hu", "scan_length_mm",
    ),
    "privacy": ("authentic", "copies", "membership_auc", "nearer_to_train"),
}  # fmt: skip
"""Names that a goal can be set for, by part of the evaluation's details."""

Rule = Literal[
    "difference at most", "times real at most", "times real at least", "at most", "at least",
    "chance",
]  # fmt: skip

RULES: dict[Rule, str] = {
    "difference at most": "differs from the real figure by {:g} at most",
    "times real at most": "at most {:g} times the real figure",
    "times real at least": "at least {:g} times the real figure",
    "at most": "at most {:g}",
    "at least": "at least {:g}",
    "chance": "not worse than chance explains",
}
"""Each rule in words, with a place for its bound."""


class Goal(Strict):
    """What a figure shall be, and why that."""

    rule: Rule
    bound: float | None = None
    reason: str

    @model_validator(mode="after")
    def _bound_unless_chance(self) -> Self:
        if (self.rule == "chance") != (self.bound is None):
            raise ValueError("a rule has a bound, and `chance` has none")
        return self


class Content(Strict):
    """The file's keys; the confirmation alone may be empty."""

    structure: str
    required: dict[str, tuple[str, ...]]
    set_by: str
    set_when: str
    confirmed_by: str | None
    metrics: dict[str, Goal]
    properties: dict[str, Goal]
    privacy: dict[str, Goal]


class Policy:
    """The policy as facts.

    Args:
        path: of the file, relative to the repository root.
        content: what it holds.
    """

    def __init__(self, path: str, content: Content) -> None:
        self.path = path
        self.content = content

    def goals(self, part: Part) -> Mapping[str, Goal]:
        """Goals of a part by the name that they are set for."""
        found: Mapping[str, Goal] = getattr(self.content, part)
        return found

    def name_for(self, part: Part, key: str) -> str | None:
        """The name of the goal that is set for a key, or None."""
        fitting = [name for name in self.goals(part) if f"{key}_".startswith(f"{name}_")]
        return max(fitting, key=len, default=None)

    def words(self, part: Part, name: str) -> Fact:
        """A goal as a reader sees it."""
        goal = self.goals(part)[name]
        keys = ("rule",) if goal.bound is None else ("rule", "bound")
        sources = tuple(f"{self.path}#/{part}/{name}/{key}" for key in keys)
        return Fact("goal", RULES[goal.rule].format(goal.bound), "derived", sources)

    def reason(self, part: Part, name: str) -> Fact:
        """Why a goal is what it is."""
        return self._declared("why", f"{part}/{name}/reason", self.goals(part)[name].reason)

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

    def hold(self, sections: Mapping[str, Section]) -> None:
        """Check that each required field has a home, a fact or a table, in a card's sections.

        Raises:
            UsageError: one has none.
        """
        for number, names in self.content.required.items():
            section = sections.get(number)
            for name in names:
                if section is None or not (name in section.facts or name in section.tables):
                    raise UsageError(
                        f"{self.path}: required: {number}.{name}: the card has no such field: "
                        "`syda card explain` tells near ones"
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
    found = checked(root, path, Content, "a goal has a rule, a bound and a reason")
    if found.structure != structure:
        raise UsageError(
            f"{path}: structure: {found.structure!r} is not that of card.json, {structure!r}"
        )
    if found.set_by not in ROLES:
        raise UsageError(f"{path}: set_by: {found.set_by!r} is none of: {', '.join(ROLES)}")
    policy = Policy(path.as_posix(), found)
    for part, known in KNOWN.items():
        for name in policy.goals(part):
            if name not in known:
                raise UsageError(
                    f"{path}: {part}.{name}: no figure is called that; known: {', '.join(known)}"
                )
    return policy
