"""Rules of anatomy: the share of volumes that pass each, compared with the share of real scans.

The limits were set on phantoms (the training split of v0) and on four real abdominal scans, as the
model's cube shows them at 32 and 128 voxels a side, and on no synthetic volume. The worst of these
scans has

- 0.132 of the cube and 0.988 of the tissue in one piece,
- bone through every upper slice,
- a liver balance of 0.383, and 0.018 of the upper outlines in the right,
- an area that changes by 0.053, and a centroid that moves by 0.020 widths.

A limit is about half, or twice, of that; for shares near 1 it is a little lower.

A vertebra is two or three voxels high at 32 voxels a side. The limits of that rule were set on 109
phantoms of another seed. They are near the worst, because the mean of these scans must fail,
resized and with white noise:

- the worst has a regularity of 0.721 and a contrast of 55 HU at 32 voxels, 112 HU at 64,
- the resized mean with noise of 20 HU has at most 28 HU at 32 voxels, 43 HU at 64; its spine is as
  regular,
- noise of 70 HU has the contrast of vertebrae; at 32 voxels 0.08 of it is as regular as the limit.

Two of three people fail it at 32 voxels a side, of 11 and 16 mm: their vertebrae have 25 and 30 HU.
At 64 and more all three pass. A slab shorter than four vertebrae fails.

The rules are for the abdomen: a scan of the pelvis alone shows no liver, and fails. A volume
without the organ of a rule fails it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from syda.metrics import anatomy, outline, pass_rate, vertebrae
from syda.metrics.anatomy import Anatomy
from syda.metrics.cohorts import Cohort, Cohorts, Sampling
from syda.metrics.estimate import MetricResult
from syda.metrics.metric import Metric, MetricSpec, register
from syda.metrics.pass_rate import RuleResults

EDITION = 1
"""Of rules and limits, in the keys of the reports: increase it when one changes."""

SMALLEST = outline.COARSE
"""Side of the smallest cube, voxels, that shows enough; in smaller ones even real scans fail."""


@dataclass(frozen=True, kw_only=True)
class AnatomySpec(MetricSpec):
    """A rule of anatomy.

    Attributes:
        at_least: measure of :class:`syda.metrics.anatomy.Anatomy` to its lowest value.
        at_most: measure to its highest value.
    """

    at_least: Mapping[str, float]
    at_most: Mapping[str, float]

    def measured(self, shown: Anatomy) -> dict[str, float]:
        """The rule's measures of one volume."""
        values = asdict(shown)
        return {name: values[name] for name in (*self.at_least, *self.at_most)}

    def holds(self, shown: Anatomy) -> bool:
        """Whether a volume passes the rule."""
        values = self.measured(shown)
        enough = all(values[name] >= limit for name, limit in self.at_least.items())
        return enough and all(values[name] <= limit for name, limit in self.at_most.items())


def _spec(
    name: str,
    title: str,
    definition: str,
    at_least: Mapping[str, float] | None = None,
    at_most: Mapping[str, float] | None = None,
    *,
    description: str,
) -> AnatomySpec:
    return AnatomySpec(
        key=f"anatomy_{name}_r{EDITION}", title=title, unit="1", aim="higher", source=definition,
        criterion="Constraint", description=description, headline=True,
        at_least=at_least or {}, at_most=at_most or {},
    )  # fmt: skip


@register
class AnatomyRule(Metric[AnatomySpec]):
    """Share of the synthetic volumes that pass a rule; the ceiling is the share of real scans.

    Nearly all real scans pass the rules.
    """

    SPECS = (
        _spec(
            "one_body",
            "One connected body",
            "largest connected piece of what is denser than -500 HU, as share of the cube and of "
            "all that is as dense",
            {"body_share": 0.05, "whole_share": 0.97},
            description="Share of volumes whose tissue is one connected body.",
        ),
        _spec(
            "spine",
            "Spine present and posterior",
            f"share of the slices, the upper {anatomy.SPINE_SLICES:g} of the body, that one "
            "connected piece of bone runs through in the back half of the outline, within "
            f"{anatomy.SPINE_HALF_WIDTH:g} of its width from the middle",
            {"spine_share": 0.8},
            description="Share of volumes with a spine at the back.",
        ),
        _spec(
            "liver_right",
            "Liver on the patient's right",
            "soft tissue (0 to 150 HU) a coarse voxel and more below its surface, in the upper "
            f"{anatomy.LIVER_SLICES:g} of the body's slices: (right - left) / (right + left), and "
            "the right as share of the outlines",
            {"liver_balance": 0.2, "liver_share": 0.01},
            description="Share of volumes with the liver on the patient's right.",
        ),
        _spec(
            "continuous",
            "Continuous cross-section",
            "largest change of the outline's area from a slice to the next, relative to the "
            "larger, and largest move of its centroid in widths of the body",
            at_most={"area_jump": 0.1, "shift": 0.04},
            description="Share of volumes without a jump from a slice to the next.",
        ),
        _spec(
            "vertebrae",
            "Separate vertebrae",
            "power spectrum along k of the columns near the midline, from spinous processes to "
            f"vertebral bodies, in the most regular window of {vertebrae.WINDOW:g} widths of the "
            f"body: share of the strongest period of {vertebrae.PERIOD[0]:g} to "
            f"{vertebrae.PERIOD[1]:g} widths, and its root mean square in HU",
            {"vertebra_regularity": 0.65, "vertebra_contrast": 45.0},
            description="Share of volumes with vertebrae that are separate in the sagittal plane.",
        ),
    )

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return {
            "grid": self.context.grid.size,
            **{f"{name}_at_least": limit for name, limit in self.spec.at_least.items()},
            **{f"{name}_at_most": limit for name, limit in self.spec.at_most.items()},
            "coarse_grid": outline.COARSE,
            "fine_grid": vertebrae.FINE,
            "limits": "set on phantoms, but for vertebrae also on four public scans of people; on "
            "nothing synthetic",
            "interval": pass_rate.INTERVAL,
        }

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; empty on a cube smaller than :data:`SMALLEST`."""
        if self.context.grid.size < SMALLEST:
            return {}
        synthetic = self._results(cohorts.synthetic)
        return {
            split: pass_rate.compare_to_real(synthetic, self._results(cohort), sampling)
            for split, cohort in cohorts.real.items()
        }

    def _results(self, cohort: Cohort) -> RuleResults:
        shown = self.context.anatomy.of(cohort)
        return RuleResults(
            cohort,
            np.array([self.spec.holds(one) for one in shown]),
            [self.spec.measured(one) for one in shown],
        )
