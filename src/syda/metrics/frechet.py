"""Fréchet distance over its floor: how much farther than real volumes from real ones?

With far fewer volumes than dimensions the distance itself says little: most of it is bias, which
grows as volumes get fewer. So its unit is the distance of the two real splits, at the same number
of volumes: a perfect generator gets 1 on average. Both covariances are singular; the formula holds
for them too and nothing is added. The bias is in numerator and denominator, so the ratio is nearer
to 1 than that of the true distances: read KID first.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from syda.metrics import subsets
from syda.metrics.cohorts import Cohorts, Floats, Sampling
from syda.metrics.estimate import Estimate, MetricResult
from syda.metrics.metric import FeatureMetric, MetricSpec, register
from syda.metrics.subsets import Subsets


def frechet(first: Floats, second: Floats) -> float:
    """Squared Fréchet distance of two normal distributions fitted to vectors.

    ``|m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2)``. With the centred vectors as the rows of A
    and B, each over the square root of its number less one, ``C1 = A'A`` and ``C2 = B'B``, and the
    last trace is the sum of the singular values of ``A B'``. This is exact at any rank.

    Source: D. C. Dowson, B. V. Landau, "The Fréchet distance between multivariate normal
    distributions", Journal of Multivariate Analysis 12(3), 1982; as FID in M. Heusel et al.,
    NeurIPS 2017, eq. 6.

    Args:
        first: ``[m, d]``, two or more.
        second: ``[n, d]``, likewise.

    >>> x = np.array([[1.0, 0], [-1, 0]])
    >>> round(frechet(x, x + [0, 3]), 6)
    9.0
    """
    means = first.mean(axis=0), second.mean(axis=0)
    a = (first - means[0]) / np.sqrt(len(first) - 1)
    b = (second - means[1]) / np.sqrt(len(second) - 1)
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(((means[0] - means[1]) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * root)


def coordinates(vectors: Floats) -> Floats:
    """Rotate V vectors into the fewest coordinates; every distance stays.

    Args:
        vectors: ``[V, d]``.

    Returns:
        ``[V, min(V, d)]``.
    """
    u, s, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    turned: Floats = u * s
    return turned


@register
class FrechetRatio(FeatureMetric[MetricSpec]):
    """FD of synthetic volumes to a real split, over that of the other real split to it."""

    SPECS = (
        MetricSpec(
            key="fd_ratio",
            title="Fréchet distance over its floor",
            unit="1",
            aim="lower",
            source="Heusel et al., NeurIPS 2017, eq. 6; Dowson and Landau, 1982",
            criterion="Congruence",
            description="How many times farther synthetic volumes are from scans than other scans "
            "are; 1 is perfect.",
        ),
    )

    @property
    def key(self) -> str:
        """Key in the reports."""
        return f"{self.spec.key}_{self.extractor.space}"

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return subsets.PROTOCOL | {
            "space": f"vectors of KID, {self.extractor.space}",
            "grid": self.extractor.definition["grid"],
            "floor": "the two real splits against each other, the same number of volumes",
            "regularisation": "none; covariances are singular, as dimensions outnumber volumes",
        }

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; see :meth:`.Metric.measure`."""
        if not subsets.large_enough(cohorts):
            return {}
        vectors = coordinates(self.extractor.extract(*cohorts.images).vectors)
        draws = subsets.draw(cohorts, sampling)
        floor = _distance(vectors, draws, *cohorts.real)
        one = Estimate(1.0, np.ones(sampling.bootstrap), draws.size)
        results = {}
        for split in cohorts.real:
            distance = _distance(vectors, draws, split, cohorts.synthetic.label)
            ratio = replace(
                distance,
                value=distance.value / floor.value,
                replicates=distance.replicates / floor.replicates,
                spread={"distance": distance.value, "floor": floor.value},
            )
            results[split] = MetricResult(ratio, one)
        return results


def _distance(vectors: Floats, draws: Subsets, first: str, second: str) -> Estimate:
    return draws.estimate(lambda rows: frechet(vectors[rows[first]], vectors[rows[second]]))
