"""Saturated share: how much of the body lies at an end of the HU window, where contrast is lost?

Padding and the air around the patient lie at the lower end in every volume. They do not count. At
the lower end it is gas in lungs and bowel that counts. At the upper end it is metal, the densest
bone, and tissue of a generator that diverges.
"""

from dataclasses import dataclass
from typing import Any

from syda.metrics import body_histograms, pools
from syda.metrics.cohorts import Cohorts, Sampling
from syda.metrics.estimate import MetricResult
from syda.metrics.metric import Metric, MetricSpec, register


@dataclass(frozen=True, kw_only=True)
class SaturationSpec(MetricSpec):
    """An end of the window.

    Attributes:
        bin: of the histogram.
    """

    bin: int


def _spec(end: str, of_histogram: int) -> SaturationSpec:
    return SaturationSpec(
        key=f"hu_saturated_{end}",
        title=f"Saturated share, {end} end",
        unit="1",
        aim="match",
        source="share of the body's voxels that the HU window clips",
        criterion="Constraint",
        description=f"Share of the body's voxels at the {end} end of the HU window, where contrast "
        "is lost.",
        bin=of_histogram,
    )


@register
class Saturated(Metric[SaturationSpec]):
    """Mean share of a body's voxels at an end of the window.

    Where no volume has any, the interval has no width: a bootstrap knows only what occurred.
    """

    SPECS = (_spec("low", 0), _spec("high", -1))

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return (
            body_histograms.PROTOCOL
            | self.context.grid.protocol
            | {"saturated": "within half a HU of the end"}
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; see :meth:`.Metric.measure`."""
        bodies = self.context.bodies.of(cohorts)
        rows = {label: found.hu for label, found in bodies.items()}
        return pools.pooled_values(cohorts, rows, lambda hu: hu[..., self.spec.bin], sampling)
