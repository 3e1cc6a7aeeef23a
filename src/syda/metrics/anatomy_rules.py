"""Rules of anatomy: the share of volumes that keep each, beside the share of real scans.

The limits were set on phantoms (the training split of v0) and on four real abdominal scans, all as
the model's cube shows them at 32 and 128 voxels a side, and on no synthetic volume. The worst of
these scans has

- 0.132 of the cube and 0.988 of the tissue in one piece,
- bone through every upper slice,
- a liver balance of 0.383, and 0.018 of the upper outlines in the right,
- an area that changes by 0.053, and a centroid that moves by 0.020 widths.

A limit is about half, or twice, of that; for shares near 1 somewhat below. The rules are for the
abdomen: a scan of the pelvis alone shows no liver, and fails.

A volume that lacks what a rule is about breaks it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from syda.metrics import anatomy, kept, outline
from syda.metrics.anatomy import Anatomist, Anatomy
from syda.metrics.cohorts import Cohort, Cohorts, Sampling
from syda.metrics.estimate import Figure
from syda.metrics.kept import Verdicts
from syda.metrics.metric import About

EDITION = 1
"""Of rules and limits, in the keys of ``metrics.json``: count up when one changes."""

SMALLEST = outline.COARSE
"""Side of a cube, voxels, that shows enough; below it even real scans break the rules."""


@dataclass(frozen=True)
class Rule:
    """What a volume must show.

    Attributes:
        name: in the key.
        title: for people.
        at_least: measure of :class:`syda.metrics.anatomy.Anatomy` to its lowest value.
        at_most: measure to its highest value.
        definition: what is looked at.
    """

    name: str
    title: str
    at_least: Mapping[str, float]
    at_most: Mapping[str, float]
    definition: str

    def measured(self, shown: Anatomy) -> dict[str, float]:
        """What the rule looks at, of one volume."""
        values = asdict(shown)
        return {name: values[name] for name in (*self.at_least, *self.at_most)}

    def holds(self, shown: Anatomy) -> bool:
        """Whether a volume keeps the rule."""
        values = self.measured(shown)
        enough = all(values[name] >= limit for name, limit in self.at_least.items())
        return enough and all(values[name] <= limit for name, limit in self.at_most.items())


RULES = (
    Rule(
        "one_body",
        "One connected body",
        {"body_share": 0.05, "whole_share": 0.97},
        {},
        "largest connected piece of what is denser than -500 HU, as share of the cube and of all "
        "that is as dense",
    ),
    Rule(
        "spine",
        "Spine present and posterior",
        {"spine_share": 0.8},
        {},
        f"share of the slices, the upper {anatomy.SPINE_SLICES:g} of the body, that one connected "
        "piece of bone runs through in the back half of the outline, within "
        f"{anatomy.SPINE_HALF_WIDTH:g} of its width from the middle",
    ),
    Rule(
        "liver_right",
        "Liver on the patient's right",
        {"liver_balance": 0.2, "liver_share": 0.01},
        {},
        "soft tissue (0 to 150 HU) a coarse voxel and more below its surface, in the upper "
        f"{anatomy.LIVER_SLICES:g} of the body's slices: (right - left) / (right + left), and the "
        "right as share of the outlines",
    ),
    Rule(
        "continuous",
        "Continuous cross-section",
        {},
        {"area_jump": 0.1, "shift": 0.04},
        "largest change of the outline's area from a slice to the next, relative to the larger, "
        "and largest move of its centroid in widths of the body",
    ),
)


class AnatomyRule:
    """Share of the synthetic volumes that keep one of :data:`RULES`, beside that of real scans.

    The share of real scans is the ceiling: the rules are such that nearly all of them pass.
    """

    def __init__(self, anatomist: Anatomist, rule: Rule) -> None:
        self._anatomist = anatomist
        self._rule = rule

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        rule = self._rule
        return About(
            key=f"anatomy_{rule.name}_r{EDITION}",
            title=rule.title,
            unit="1",
            aim="higher",
            source=rule.definition,
            protocol={
                "grid": self._anatomist.grid.size,
                **{f"{name}_at_least": limit for name, limit in rule.at_least.items()},
                **{f"{name}_at_most": limit for name, limit in rule.at_most.items()},
                "coarse_grid": outline.COARSE,
                "limits": "set on phantoms and four public scans of people, on nothing synthetic",
                "interval": kept.INTERVAL,
            },
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; nothing on a cube smaller than :data:`SMALLEST`."""
        if self._anatomist.grid.size < SMALLEST:
            return {}
        synthetic = self._verdicts(cohorts.synthetic)
        return {
            split: kept.beside(synthetic, self._verdicts(cohort), sampling)
            for split, cohort in cohorts.real.items()
        }

    def _verdicts(self, cohort: Cohort) -> Verdicts:
        shown = self._anatomist.of(cohort)
        return Verdicts(
            cohort,
            np.array([self._rule.holds(one) for one in shown]),
            [self._rule.measured(one) for one in shown],
        )
