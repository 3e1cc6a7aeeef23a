"""Bone and fat against the real band: how many volumes have as much of it as scans do.

The band is where 95 % of further scans would lie, going by the training scans. Held-out scans show
what share really does; a training scan is held against the band of the other patients.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from syda.metrics import kept, subsets
from syda.metrics.anatomy import Anatomist
from syda.metrics.anatomy_rules import SMALLEST
from syda.metrics.cohorts import Cohort, Cohorts, Floats, Sampling
from syda.metrics.estimate import Figure
from syda.metrics.kept import Verdicts
from syda.metrics.metric import About
from syda.volume.properties import BONE_FROM_HU, FAT_HU

TRAIN = "train"
"""The split that the band comes from."""

COVERED = 0.95
"""Share of further scans within the band."""


@dataclass(frozen=True)
class Tissue:
    """A tissue whose share of the body has a band.

    Attributes:
        name: in the key; its share is a measure of :class:`syda.metrics.anatomy.Anatomy`.
        title: for people.
        hu: what counts as it.
    """

    name: Literal["bone", "fat"]
    title: str
    hu: str


TISSUES = (
    Tissue("bone", "Bone share in the real band", f"{BONE_FROM_HU} HU and more"),
    Tissue("fat", "Fat share in the real band", f"{FAT_HU[0]} to {FAT_HU[1]} HU"),
)


def band(values: Floats) -> tuple[float, float]:
    """Prediction interval: where a further value of the same normal distribution lies at 95 %.

    ``mean +- t s sqrt(1 + 1/n)`` with t the 97.5 % quantile of Student's distribution, n - 1
    degrees of freedom.

    Source: G. J. Hahn, W. Q. Meeker, "Statistical Intervals", Wiley 1991, section 4.7.

    Args:
        values: ``[n]``, two or more that are not NaN; NaN is left out.
    """
    values = values[~np.isnan(values)]
    n = len(values)
    quantile = float(stats.t.ppf((1 + COVERED) / 2, n - 1))
    half = quantile * float(values.std(ddof=1)) * np.sqrt(1 + 1 / n)
    return float(values.mean() - half), float(values.mean() + half)


class AnatomyBand:
    """Share of the synthetic volumes within the band of a tissue, beside that of real scans."""

    def __init__(self, anatomist: Anatomist, tissue: Tissue) -> None:
        self._anatomist = anatomist
        self._tissue = tissue

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        tissue = self._tissue
        return About(
            key=f"anatomy_{tissue.name}_band_p{COVERED * 100:.0f}",
            title=tissue.title,
            unit="1",
            aim="match",
            source="prediction interval: Hahn and Meeker, Statistical Intervals, 1991, section 4.7",
            protocol={
                "grid": self._anatomist.grid.size,
                "share": f"of the body's outlines, {tissue.hu}",
                "band": f"{COVERED:g} prediction interval of the training scans",
                "baseline": "held-out scans; a training scan against the other patients' band",
                "fewest_patients": subsets.FEWEST,
                "interval": f"{kept.INTERVAL}; the band is held fixed",
            },
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split.

        Returns:
            Nothing for fewer than 12 training patients with a body, or a cube smaller than 32.
        """
        train = cohorts.real[TRAIN]
        patients = train.patient_index
        values = self._values(train)
        few = len(np.unique(patients[~np.isnan(values)])) < subsets.FEWEST
        if few or self._anatomist.grid.size < SMALLEST:
            return {}
        limits = band(values)
        synthetic = self._verdicts(cohorts.synthetic, [limits] * len(cohorts.synthetic))
        bands = {split: [limits] * len(cohort) for split, cohort in cohorts.real.items()}
        bands[TRAIN] = [band(values[patients != patient]) for patient in patients]
        return {
            split: kept.beside(synthetic, self._verdicts(cohort, bands[split]), sampling)
            for split, cohort in cohorts.real.items()
        }

    def _values(self, cohort: Cohort) -> Floats:
        """``[V]`` share of the tissue, NaN without a body."""
        shown = self._anatomist.of(cohort)
        return np.array([getattr(one, f"{self._tissue.name}_share") for one in shown], np.float64)

    def _verdicts(self, cohort: Cohort, bands: Sequence[tuple[float, float]]) -> Verdicts:
        values = self._values(cohort)
        low, high = np.array(bands).T
        measured = [
            {"share": None if np.isnan(value) else value, "low": a, "high": b}
            for value, a, b in zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
        ]
        return Verdicts(cohort, (values > 0) & (low <= values) & (values <= high), measured)
