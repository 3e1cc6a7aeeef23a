"""Perceptual distance: how different do two volumes look to a network trained on photographs?

:class:`syda.metrics.slices.SliceExtractor` defines the distance of two volumes.
"""

from typing import Any

from syda.metrics.cohorts import Cohorts, Sampling
from syda.metrics.estimate import MetricResult, mean_over_pairs, pairs_between, pairs_within
from syda.metrics.metric import Metric, MetricSpec, register


@register
class PerceptualDistance(Metric[MetricSpec]):
    """Mean perceptual distance of synthetic to real volumes; the baseline is real to real.

    A good generator's volumes are as far from real ones as those are from each other. Farther away
    means artefacts or missing structure. Nearer means blurred or averaged volumes.
    """

    SPECS = (
        MetricSpec(
            key="perceptual",
            title="Perceptual distance",
            unit="1",
            aim="match",
            source="Zhang et al., CVPR 2018, eq. 1 with w = 1",
            criterion="Congruence",
            description="How different synthetic volumes look from scans, to a network trained on "
            "photographs.",
            headline=True,
        ),
    )

    @property
    def key(self) -> str:
        """Key in the reports."""
        return f"{self.spec.key}_{self.context.efficientnet.map_space}"

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return self.context.efficientnet.map_definition | {
            "pairs": "every synthetic-real beside every real-real of different patients"
        }

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; see :meth:`.Metric.measure`."""
        matrix = self.context.efficientnet.extract(*cohorts.images).distances
        rows, synthetic = cohorts.rows(), cohorts.synthetic
        results = {}
        for split, cohort in cohorts.real.items():
            across, within = pairs_between(synthetic, cohort), pairs_within(cohort)
            to_real = matrix[rows[synthetic.label], rows[split]][across.first, across.second]
            real = matrix[rows[split], rows[split]][within.first, within.second]
            results[split] = MetricResult(
                mean_over_pairs(to_real, across, (synthetic, cohort), sampling),
                mean_over_pairs(real, within, (cohort, cohort), sampling),
            )
        return results
