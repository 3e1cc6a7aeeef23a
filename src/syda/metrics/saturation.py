"""Saturated share: how much of the body lies at an end of the HU window, where contrast is lost?

Padding and the air around the patient lie at the lower end in every volume and are no part of the
body; what counts there is gas in lungs and bowel that is as dark as the window goes. At the upper
end it is metal, the densest bone, and tissue of a generator that has run away.
"""

from dataclasses import dataclass

from syda.metrics import interior, pools
from syda.metrics.cohorts import Cohorts, Sampling
from syda.metrics.estimate import Figure
from syda.metrics.interior import Interior
from syda.metrics.metric import About


@dataclass(frozen=True)
class End:
    """An end of the window: its name, and the bin of the histogram."""

    name: str
    bin: int


ENDS = (End("low", 0), End("high", -1))


class Saturated:
    """Mean share of a body's voxels at an end of the window, beside that of real volumes.

    Where no volume has any, the interval has no width: a bootstrap knows only what occurred.
    """

    def __init__(self, within: Interior, end: End) -> None:
        self._interior = within
        self._end = end

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        grid = self._interior.grid
        return About(
            key=f"hu_saturated_{self._end.name}",
            title=f"Saturated share, {self._end.name} end",
            unit="1",
            aim="match",
            source="share of the body's voxels that the HU window clips",
            protocol=interior.PROTOCOL
            | {
                "grid": grid.size,
                "window_hu": [grid.window_min, grid.window_max],
                "saturated": "within half a HU of the end",
            },
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; see :class:`syda.metrics.metric.Metric`."""
        inside = self._interior.of(cohorts)
        rows = {label: found.hu for label, found in inside.items()}
        return pools.side_by_side(cohorts, rows, lambda hu: hu[..., self._end.bin], sampling)
