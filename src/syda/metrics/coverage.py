"""Precision, recall, density, coverage: do synthetic and real volumes lie in each other's midst?

A volume's ball reaches to its k-th nearest neighbour of the same set; the balls of a set mark out
where such volumes lie. Precision and density ask whether synthetic volumes lie among real ones
(fidelity), recall and coverage whether real volumes are reached by synthetic ones (variety).

All four compare ranks of distances in a feature space: where a trait that every synthetic volume
shares sets them apart, all are 0, however near the volumes look.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from syda.metrics import subsets
from syda.metrics.cohorts import Cohorts, Floats, Sampling
from syda.metrics.estimate import Estimate, Figure
from syda.metrics.metric import About
from syda.metrics.perception import Observer, Vectors
from syda.metrics.subsets import Rows, Subsets, between


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
        k: whose neighbour a ball reaches to.
    """
    return float((across <= radii(real, k)[:, None]).any(axis=0).mean())


def recall(real: Floats, synthetic: Floats, across: Floats, k: int) -> float:
    """Share of real volumes in the ball of a synthetic one; arguments as in :func:`precision`.

    Source: Kynkäänniemi et al., NeurIPS 2019, eq. 1 and 2.
    """
    return float((across <= radii(synthetic, k)).any(axis=1).mean())


def density(real: Floats, synthetic: Floats, across: Floats, k: int) -> float:
    """Real balls that a synthetic volume lies in, over k; arguments as in :func:`precision`.

    1 on average for draws of one distribution; more where synthetic volumes crowd among real ones.

    Source: M. F. Naeem, S. J. Oh, Y. Uh, Y. Choi, J. Yoo, "Reliable fidelity and diversity metrics
    for generative models", ICML 2020, section 3.2.
    """
    return float((across <= radii(real, k)[:, None]).sum(axis=0).mean() / k)


def coverage(real: Floats, synthetic: Floats, across: Floats, k: int) -> float:
    """Share of real balls that hold a synthetic volume; arguments as in :func:`precision`.

    Source: Naeem et al., ICML 2020, section 3.2.
    """
    return float((across.min(axis=1) <= radii(real, k)).mean())


@dataclass(frozen=True)
class Kind:
    """One of the four figures.

    Attributes:
        name: in the key.
        title: for people.
        k: as its paper chose.
        of: distances and k to the figure.
        source: paper and equation.
    """

    name: str
    title: str
    k: int
    of: Callable[[Floats, Floats, Floats, int], float]
    source: str


_KYNKAANNIEMI = "Kynkäänniemi et al., NeurIPS 2019, eq. 1 and 2"
_NAEEM = "Naeem et al., ICML 2020, section 3.2"

KINDS = (
    Kind("precision", "Precision", 3, precision, _KYNKAANNIEMI),
    Kind("recall", "Recall", 3, recall, _KYNKAANNIEMI),
    Kind("density", "Density", 5, density, _NAEEM),
    Kind("coverage", "Coverage", 5, coverage, _NAEEM),
)


class Neighbourhood:
    """One of :data:`KINDS` of the synthetic volumes, beside that of the other real split.

    The other split, whose patients a hash keeps apart, shows what a perfect generator would get of
    so few volumes.
    """

    def __init__(self, observer: Observer[Vectors], kind: Kind) -> None:
        self._observer = observer
        self._kind = kind

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        space, kind = self._observer.space, self._kind
        return About(
            key=f"{kind.name}_k{kind.k}_{space.vector_id}",
            title=space.titled(kind.title),
            unit="1",
            aim="higher",
            source=kind.source,
            protocol=subsets.PROTOCOL
            | {
                "space": f"vectors of KID, {space.vector_id}",
                "grid": space.vector_definition["grid"],
                "k": kind.k,
                "distance": "Euclidean, of vectors",
                "baseline": "the other real split in the place of the synthetic volumes",
            },
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; see :class:`syda.metrics.metric.Metric`."""
        if not subsets.enough(cohorts):
            return {}
        vectors = self._observer.of(cohorts).vectors
        distances = cdist(vectors, vectors)
        draws = subsets.draw(cohorts, sampling)
        figures = {}
        for split in cohorts.real:
            (other,) = (name for name in cohorts.real if name != split)
            figures[split] = Figure(
                self._estimate(distances, draws, split, cohorts.synthetic.label),
                self._estimate(distances, draws, split, other),
            )
        return figures

    def _estimate(self, distances: Floats, draws: Subsets, real: str, other: str) -> Estimate:
        def figure(rows: Rows) -> float:
            x, y = rows[real], rows[other]
            within = between(distances, x, x), between(distances, y, y)
            return self._kind.of(*within, between(distances, x, y), self._kind.k)

        return draws.estimate(figure)
