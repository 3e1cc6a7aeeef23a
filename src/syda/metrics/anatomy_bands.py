"""Bone and fat against the real band: how many volumes have as much of them as scans do?

The band is where 95 % of further scans would lie, estimated from the training scans. Held-out scans
show the true share. A training scan is compared with the band of the other patients.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from syda.metrics import pass_rate, subsets
from syda.metrics.anatomy_rules import SMALLEST
from syda.metrics.cohorts import Cohort, Cohorts, Floats, Sampling
from syda.metrics.estimate import MetricResult
from syda.metrics.metric import Metric, MetricSpec, register
from syda.metrics.pass_rate import RuleResults
from syda.properties.measured import BONE_FROM_HU, FAT_HU

COVERED = 0.95
"""Share of further scans within the band."""


@dataclass(frozen=True, kw_only=True)
class BandSpec(MetricSpec):
    """A tissue whose share of the body has a band.

    Attributes:
        tissue: ``bone`` or ``fat``; its share is one of the :class:`.Anatomy` measures.
        hu: range of the tissue, in words.
    """

    tissue: str
    hu: str


def _spec(tissue: str, hu: str) -> BandSpec:
    return BandSpec(
        key=f"anatomy_{tissue}_band_p{COVERED * 100:.0f}",
        title=f"{tissue.capitalize()} share in the real band",
        unit="1",
        aim="match",
        source="prediction interval: Hahn and Meeker, Statistical Intervals, 1991, section 4.7",
        criterion="Constraint",
        description=f"Share of volumes with as much {tissue} as scans have.",
        tissue=tissue,
        hu=hu,
    )


def band(values: Floats) -> tuple[float, float]:
    """Prediction interval: where a further value of the same normal distribution lies at 95 %.

    ``mean +- t s sqrt(1 + 1/n)`` with t the 97.5 % quantile of Student's distribution, n - 1
    degrees of freedom.

    Source: G. J. Hahn, W. Q. Meeker, "Statistical Intervals", Wiley 1991, section 4.7.

    Args:
        values: ``[n]``, two or more that are not NaN; NaN is left out.

    >>> low, high = band(np.array([0.2, 0.25, 0.3]))
    >>> round(low, 3), round(high, 3)
    (0.002, 0.498)
    """
    values = values[~np.isnan(values)]
    n = len(values)
    quantile = float(stats.t.ppf((1 + COVERED) / 2, n - 1))
    half = quantile * float(values.std(ddof=1)) * np.sqrt(1 + 1 / n)
    return float(values.mean() - half), float(values.mean() + half)


@register
class AnatomyBand(Metric[BandSpec]):
    """Share of the synthetic volumes within the band of a tissue; the baseline is held-out scans.

    The band comes from the first real split, the training scans.
    """

    SPECS = (
        _spec("bone", f"{BONE_FROM_HU} HU and more"),
        _spec("fat", f"{FAT_HU[0]} to {FAT_HU[1]} HU"),
    )

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return {
            "grid": self.context.grid.size,
            "share": f"of the body's outlines, {self.spec.hu}",
            "band": f"{COVERED:g} prediction interval of the training scans",
            "baseline": "held-out scans; a training scan against the other patients' band",
            "fewest_patients": subsets.MIN_PATIENTS,
            "interval": f"{pass_rate.INTERVAL}; the band is held fixed",
        }

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; see :meth:`.Metric.measure`.

        Returns:
            Empty for fewer than 12 training patients with a body, or a cube smaller than 32.
        """
        train = next(iter(cohorts.real.values()))
        patients = train.patient_index
        values = self._values(train)
        few = len(np.unique(patients[~np.isnan(values)])) < subsets.MIN_PATIENTS
        if few or self.context.grid.size < SMALLEST:
            return {}
        limits = band(values)
        synthetic = self._results(cohorts.synthetic, [limits] * len(cohorts.synthetic))
        bands = {split: [limits] * len(cohort) for split, cohort in cohorts.real.items()}
        bands[train.label] = [band(values[patients != patient]) for patient in patients]
        return {
            split: pass_rate.compare_to_real(
                synthetic, self._results(cohort, bands[split]), sampling
            )
            for split, cohort in cohorts.real.items()
        }

    def _values(self, cohort: Cohort) -> Floats:
        """``[V]`` share of the tissue, NaN without a body."""
        measured = self.context.anatomy.of(cohort)
        return np.array([getattr(one, f"{self.spec.tissue}_share") for one in measured], np.float64)

    def _results(self, cohort: Cohort, bands: Sequence[tuple[float, float]]) -> RuleResults:
        values = self._values(cohort)
        low, high = np.array(bands).T
        measured = [
            {"share": None if np.isnan(value) else value, "low": a, "high": b}
            for value, a, b in zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
        ]
        return RuleResults(cohort, (values > 0) & (low <= values) & (values <= high), measured)
