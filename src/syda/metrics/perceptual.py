"""Perceptual distance: how differently a network trained to see sees two volumes.

:func:`syda.metrics.perception.look` defines the distance of two volumes.
"""

from syda.metrics.cohorts import Cohorts, Sampling
from syda.metrics.estimate import Figure, mean_over_pairs, pairs_between, pairs_within
from syda.metrics.metric import About
from syda.metrics.perception import Perception


class PerceptualDistance:
    """Mean perceptual distance of synthetic to real volumes beside that of real to real ones.

    A good generator's volumes are as far from real ones as those are from each other: further away
    means artefacts or missing structure, nearer means blurred or averaged volumes.
    """

    def __init__(self, perception: Perception) -> None:
        self._perception = perception

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        space = self._perception.space
        return About(
            key=f"perceptual_{space.id}",
            title="Perceptual distance",
            unit="1",
            aim="match",
            source="Zhang et al., CVPR 2018, eq. 1 with w = 1",
            protocol=space.definition
            | {"pairs": "every synthetic-real beside every real-real of different patients"},
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; see :class:`syda.metrics.metric.Metric`."""
        matrix = self._perception.of(cohorts).distances
        rows = self._perception.rows(cohorts)
        synthetic = cohorts.synthetic
        figures = {}
        for split, cohort in cohorts.real.items():
            across, within = pairs_between(synthetic, cohort), pairs_within(cohort)
            to_real = matrix[rows[synthetic.label], rows[split]][across.first, across.second]
            real = matrix[rows[split], rows[split]][within.first, within.second]
            figures[split] = Figure(
                mean_over_pairs(to_real, across, (synthetic, cohort), sampling),
                mean_over_pairs(real, within, (cohort, cohort), sampling),
            )
        return figures
