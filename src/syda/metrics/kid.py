"""KID: are synthetic and real volumes draws from one distribution, to the eyes of a network?

The kernel inception distance is the squared maximum mean discrepancy of two sets of feature vectors
under a cubic kernel. It sees what pairwise distances miss: a generator that lacks variety, or has
another one than real scans, is far away even if every volume of it is good. Unlike FID its
estimate is unbiased at any number of volumes, so 0 is what a perfect generator gets on average, and
below 0 is chance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syda.metrics.cohorts import Cohort, Cohorts, Floats, Sampling
from syda.metrics.estimate import Estimate, Figure
from syda.metrics.metric import About
from syda.metrics.perception import Observer, Vectors


def kernel(x: Floats, y: Floats) -> Floats:
    """Cubic polynomial kernel ``(x.y / d + 1)^3``.

    Source: M. Binkowski, D. J. Sutherland, M. Arbel, A. Gretton, "Demystifying MMD GANs", ICLR
    2018, section 4.

    Args:
        x: ``[m, d]``.
        y: ``[n, d]``.

    Returns:
        ``[m, n]``.
    """
    values: Floats = (x @ y.T / x.shape[1] + 1) ** 3
    return values


@dataclass(frozen=True)
class Draws:
    """A set of vectors, and how much each counts.

    Attributes:
        vectors: ``[m, d]``.
        patients: ``[m]`` number of the patient that each is of.
        weights: ``[B, m]`` positive; each row gives one estimate.
    """

    vectors: Floats
    patients: NDArray[np.intp]
    weights: Floats


def mmd2(first: Draws, second: Draws) -> Floats:
    """Unbiased squared maximum mean discrepancy under :func:`kernel`.

    ``mean k(x, x') + mean k(y, y') - 2 mean k(x, y)``, the first two over pairs of different
    patients (of different vectors, where each is its own patient's); a pair weighs the product of
    its weights.

    Source: A. Gretton et al., "A kernel two-sample test", JMLR 13, 2012, eq. 3.

    Args:
        first: vectors of two patients or more.
        second: likewise.

    Returns:
        ``[B]``, one for each row of the weights; symmetric in the two sets.
    """
    across = kernel(first.vectors, second.vectors)
    between = _weighted_mean(across, np.ones_like(across), first.weights, second.weights)
    return _within(first) + _within(second) - 2 * between


def _within(draws: Draws) -> Floats:
    apart = (draws.patients[:, None] != draws.patients).astype(np.float64)
    values = kernel(draws.vectors, draws.vectors)
    return _weighted_mean(values, apart, draws.weights, draws.weights)


def _weighted_mean(values: Floats, counted: Floats, rows: Floats, columns: Floats) -> Floats:
    """Mean of the counted ``[m, n]`` values under each of ``[B, m]`` and ``[B, n]`` weights."""
    total = (rows @ (values * counted) * columns).sum(axis=1)
    mean: Floats = total / (rows @ counted * columns).sum(axis=1)
    return mean


class KernelDistance:
    """KID of the synthetic volumes and a real split beside that of the two real splits.

    A volume is one vector (:func:`syda.metrics.perception.look`): its slices resemble one another,
    so as vectors of their own they would pass for more volumes than there are. n counts volumes.

    The floor is the figure between the two parts of the real data, which a hash of the patient
    makes draws from one distribution; so it is the same for both splits. Random halves of one split
    would say less: as the estimate is unbiased, the mean over them is 0 whatever the volumes are,
    and a single one compares half as many volumes.

    Where two sets are alike the bootstrap's interval is up to 1.7 times as wide as chance makes the
    figure, so it errs towards "not told apart".
    """

    def __init__(self, observer: Observer[Vectors]) -> None:
        self._observer = observer

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        space = self._observer.space
        return About(
            key=f"kid_poly3_{space.vector_id}",
            title=space.titled("KID"),
            unit="1",
            aim="lower",
            source="Binkowski et al., ICLR 2018, section 4; Gretton et al., JMLR 13, 2012, eq. 3",
            protocol=space.vector_definition
            | {
                "kernel": "(x.y / dimensions + 1)^3",
                "estimator": "unbiased, all pairs of different patients, no subsets",
                "floor": "the two real splits against each other",
            },
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; see :class:`syda.metrics.metric.Metric`."""
        vectors, rows = self._observer.of(cohorts).vectors, self._observer.rows(cohorts)

        def draws(cohort: Cohort) -> Draws:
            weights = np.vstack([np.ones(len(cohort)), sampling.weights(cohort)])
            return Draws(vectors[rows[cohort.label]], cohort.patient_index, weights)

        synthetic = draws(cohorts.synthetic)
        real = {split: draws(cohort) for split, cohort in cohorts.real.items()}
        figures = {}
        for split, target in real.items():
            (other,) = (draws for name, draws in real.items() if name != split)
            figures[split] = Figure(_estimate(synthetic, target), _estimate(other, target))
        return figures


def _estimate(draws: Draws, target: Draws) -> Estimate:
    value, *replicates = mmd2(draws, target)
    return Estimate(float(value), np.array(replicates), len(draws.vectors))
