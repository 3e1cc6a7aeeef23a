"""Share of z in structure: does the seed change the place and the shape of organs?

The share of z (:mod:`syda.metrics.z_share`) after the best shift, scale, HU offset and HU gain of
each volume are removed (:mod:`syda.metrics.alignment`). A template that is shifted or scaled, a
change of brightness or contrast, white noise and one repeated volume all have a share of about 0.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from syda.metrics import alignment
from syda.metrics.cohorts import Cohort, Floats
from syda.metrics.metric import MetricSpec, register
from syda.metrics.outline import downsample
from syda.metrics.z_share import GOAL, ZShare, products
from syda.runtime import progress


@register
class ZShareStructure(ZShare):
    """Variance among aligned seeds over that of aligned real scans."""

    SPECS = (
        MetricSpec(
            key="z_share_structure",
            title="Share of z, structure",
            unit="1",
            aim="match",
            source="share of z after the best shift, scale, HU offset and HU gain; covariance of "
            "two halves of the voxels",
            criterion="Coverage",
            description="Share of the real variance of place and shape of organs that z makes.",
            headline=True,
            goal=GOAL,
        ),
    )

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return super().protocol | alignment.PROTOCOL

    def _products(self, cohorts: Sequence[Cohort]) -> dict[str, Floats]:
        volumes = {cohort.label: self._coarse_hu(cohort) for cohort in cohorts}
        _, *real = volumes.values()
        reference = alignment.fit_reference([hu for of_split in real for hu in of_split])
        found = {}
        for label, of_cohort in volumes.items():
            tracked = progress.track(of_cohort, len(of_cohort), f"align {label}", "volumes")
            halves = [alignment.aligned_halves(hu, reference) for hu in tracked]
            first, second = np.stack(halves, axis=1).reshape(2, len(of_cohort), -1)
            found[label] = products(first, second)
        return found

    def _coarse_hu(self, cohort: Cohort) -> list[Floats]:
        grid = self.context.grid
        return [
            downsample(grid.hu_above_window(image) + grid.window_min) for image in cohort.images
        ]
