"""Fréchet distance as a ratio to its floor: how much farther than real volumes from real ones?

With far fewer volumes than dimensions the distance itself says little: its bias, which grows as
volumes get fewer, is most of what two sets of the same distribution show. So it is given in units
of that: the distance of the two real splits, from as many volumes. Both covariances are singular;
the formula holds for them too and nothing is added to them. 1 is what a perfect generator gets on
average. The bias is in both, so the ratio is nearer to 1 than that of the true distances, the more
so the fewer volumes there are: read KID first.
"""

from dataclasses import replace

import numpy as np

from syda.metrics import subsets
from syda.metrics.cohorts import Cohorts, Floats, Sampling
from syda.metrics.estimate import Estimate, Figure
from syda.metrics.metric import About
from syda.metrics.perception import Observer, Vectors
from syda.metrics.subsets import Subsets


def frechet(first: Floats, second: Floats) -> float:
    """Squared Fréchet distance of two normal distributions fitted to vectors.

    ``|m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2)``. With the centred vectors as the rows of A
    and B, each over the square root of its number less one, ``C1 = A'A`` and ``C2 = B'B``, and the
    last trace is the sum of the singular values of ``A B'``: exact, whatever the rank, and no root
    of a matrix is needed.

    Source: D. C. Dowson, B. V. Landau, "The Fréchet distance between multivariate normal
    distributions", Journal of Multivariate Analysis 12(3), 1982; as FID in M. Heusel et al.,
    NeurIPS 2017, eq. 6.

    Args:
        first: ``[m, d]``, two or more.
        second: ``[n, d]``, likewise.
    """
    means = first.mean(axis=0), second.mean(axis=0)
    a = (first - means[0]) / np.sqrt(len(first) - 1)
    b = (second - means[1]) / np.sqrt(len(second) - 1)
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(((means[0] - means[1]) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * root)


def coordinates(vectors: Floats) -> Floats:
    """Turn V vectors so that all lie in the first coordinates; every distance remains.

    Args:
        vectors: ``[V, d]``.

    Returns:
        ``[V, min(V, d)]``.
    """
    u, s, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    turned: Floats = u * s
    return turned


class FrechetRatio:
    """FD of synthetic volumes to a real split, over that of the other real split to it."""

    def __init__(self, observer: Observer[Vectors]) -> None:
        self._observer = observer

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        space = self._observer.space
        return About(
            key=f"fd_ratio_{space.vector_id}",
            title=space.titled("Fréchet distance over its floor"),
            unit="1",
            aim="lower",
            source="Heusel et al., NeurIPS 2017, eq. 6; Dowson and Landau, 1982",
            protocol=subsets.PROTOCOL
            | {
                "space": f"vectors of KID, {space.vector_id}",
                "grid": space.vector_definition["grid"],
                "floor": "the two real splits against each other, the same number of volumes",
                "regularisation": "none; covariances are singular, as dimensions outnumber volumes",
            },
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; see :class:`syda.metrics.metric.Metric`."""
        if not subsets.enough(cohorts):
            return {}
        vectors = coordinates(self._observer.of(cohorts).vectors)
        draws = subsets.draw(cohorts, sampling)
        floor = _distance(vectors, draws, *cohorts.real)
        one = Estimate(1.0, np.ones(sampling.bootstrap), draws.size)
        figures = {}
        for split in cohorts.real:
            distance = _distance(vectors, draws, split, cohorts.synthetic.label)
            ratio = replace(
                distance,
                value=distance.value / floor.value,
                replicates=distance.replicates / floor.replicates,
                spread={"distance": distance.value, "floor": floor.value},
            )
            figures[split] = Figure(ratio, one)
        return figures


def _distance(vectors: Floats, draws: Subsets, first: str, second: str) -> Estimate:
    return draws.estimate(lambda rows: frechet(vectors[rows[first]], vectors[rows[second]]))
