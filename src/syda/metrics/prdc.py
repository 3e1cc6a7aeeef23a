"""Precision, recall, density, coverage: do synthetic and real volumes lie among each other?

A volume's ball reaches to its k-th nearest neighbour of the same set. The balls of a set mark where
such volumes lie. Precision and density say whether synthetic volumes lie among real ones
(fidelity). Recall and coverage say whether synthetic volumes reach the real ones (variety).

All four compare ranks of distances in a feature space. Where every synthetic volume differs from
the real ones in one shared trait, all four are 0, however near the volumes look.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from syda.metrics import subsets
from syda.metrics.cohorts import Cohorts, Floats, Sampling
from syda.metrics.estimate import Estimate, MetricResult
from syda.metrics.metric import FeatureMetric, MetricSpec, SevenC, register
from syda.metrics.subsets import Rows, Subsets, submatrix


def radii(within: Floats, k: int) -> Floats:
    """Distance of each volume to its k-th nearest neighbour.

    Args:
        within: ``[m, m]`` distances of a set, zero on the diagonal.
        k: less than m.

    Returns:
        ``[m]``.
    """
    nearest: Floats = np.partition(within, k, axis=1)[:, k]
    return nearest


def precision(real: Floats, synthetic: Floats, across: Floats, k: int) -> float:
    """Share of synthetic volumes in the ball of a real one.

    Source: T. Kynkäänniemi et al., "Improved precision and recall metric for assessing generative
    models", NeurIPS 2019, eq. 1 and 2.

    Args:
        real: ``[m, m]`` distances among real volumes.
        synthetic: ``[n, n]`` distances among synthetic volumes.
        across: ``[m, n]`` distances of real to synthetic volumes.
        k: which neighbour a ball reaches to.

    >>> x, y = np.array([[0.0], [1], [3]]), np.array([[0.5], [9]])
    >>> precision(cdist(x, x), cdist(y, y), cdist(x, y), 1)
    0.5
    """
    return float((across <= radii(real, k)[:, None]).any(axis=0).mean())


def recall(real: Floats, synthetic: Floats, across: Floats, k: int) -> float:
    """Share of real volumes in the ball of a synthetic one; arguments as in :func:`precision`.

    Source: Kynkäänniemi et al., NeurIPS 2019, eq. 1 and 2.
    """
    return float((across <= radii(synthetic, k)).any(axis=1).mean())


def density(real: Floats, synthetic: Floats, across: Floats, k: int) -> float:
    """Real balls that a synthetic volume lies in, over k; arguments as in :func:`precision`.

    1 on average for samples of one distribution; more where synthetic volumes crowd among real
    ones.

    Source: M. F. Naeem, S. J. Oh, Y. Uh, Y. Choi, J. Yoo, "Reliable fidelity and diversity metrics
    for generative models", ICML 2020, section 3.2.
    """
    return float((across <= radii(real, k)[:, None]).sum(axis=0).mean() / k)


def coverage(real: Floats, synthetic: Floats, across: Floats, k: int) -> float:
    """Share of real balls that hold a synthetic volume; arguments as in :func:`precision`.

    Source: Naeem et al., ICML 2020, section 3.2.
    """
    return float((across.min(axis=1) <= radii(real, k)).mean())


@dataclass(frozen=True, kw_only=True)
class PRDCSpec(MetricSpec):
    """One of the four.

    Attributes:
        k: as its paper chose.
        of: distances and k to the value.
    """

    k: int
    of: Callable[[Floats, Floats, Floats, int], float]


def _spec(
    of: Callable[[Floats, Floats, Floats, int], float], criterion: SevenC, description: str
) -> PRDCSpec:
    by_kynkaanniemi = of in (precision, recall)
    return PRDCSpec(
        key=of.__name__,
        title=of.__name__.capitalize(),
        unit="1",
        aim="higher",
        source="Kynkäänniemi et al., NeurIPS 2019, eq. 1 and 2"
        if by_kynkaanniemi
        else "Naeem et al., ICML 2020, section 3.2",
        criterion=criterion,
        description=description,
        k=3 if by_kynkaanniemi else 5,
        of=of,
    )


@register
class PRDC(FeatureMetric[PRDCSpec]):
    """Precision, recall, density or coverage; the baseline is that of the other real split.

    A hash keeps the patients of the two splits apart. The other split shows what a perfect
    generator would get of so few volumes.
    """

    SPECS = (
        _spec(precision, "Congruence", "Share of synthetic volumes that lie among scans."),
        _spec(recall, "Coverage", "Share of scans that lie among synthetic volumes."),
        _spec(density, "Congruence", "How closely scans surround a synthetic volume."),
        _spec(coverage, "Coverage", "Share of scans with a synthetic volume near them."),
    )

    @property
    def key(self) -> str:
        """Key in the reports."""
        return f"{self.spec.key}_k{self.spec.k}_{self.extractor.space}"

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return subsets.PROTOCOL | {
            "space": f"vectors of KID, {self.extractor.space}",
            "grid": self.extractor.definition["grid"],
            "k": self.spec.k,
            "distance": "Euclidean, of vectors",
            "baseline": "the other real split in the place of the synthetic volumes",
        }

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; see :meth:`.Metric.measure`."""
        if not subsets.large_enough(cohorts):
            return {}
        vectors = self.extractor.extract(*cohorts.images).vectors
        distances = cdist(vectors, vectors)
        draws = subsets.draw(cohorts, sampling)
        return {
            split: MetricResult(
                self._estimate(distances, draws, split, cohorts.synthetic.label),
                self._estimate(distances, draws, split, cohorts.other(split)),
            )
            for split in cohorts.real
        }

    def _estimate(self, distances: Floats, draws: Subsets, real: str, other: str) -> Estimate:
        def value(rows: Rows) -> float:
            x, y = rows[real], rows[other]
            within = submatrix(distances, x, x), submatrix(distances, y, y)
            return self.spec.of(*within, submatrix(distances, x, y), self.spec.k)

        return draws.estimate(value)
