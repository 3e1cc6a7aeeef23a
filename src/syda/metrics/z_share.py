"""Share of z: how much of the variety comes from the latent z and not from the properties?

The variance among seeds at fixed properties, over the variance of real scans. The baseline is the
share of the real variance that the properties leave unexplained: a linear regression of voxels on
the generator's conditions. Both are variances of residuals: a synthetic volume is predicted by the
mean of its property vector. Variances are unbiased, so few scans are compared fairly with many.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from scipy import linalg

from syda.metrics.cohorts import Cohort, Cohorts, Floats, Sampling
from syda.metrics.estimate import Estimate, MetricResult
from syda.metrics.metric import Metric, MetricGoal, MetricSpec, register

GOAL = MetricGoal(
    "times real at least",
    0.5,
    "People with the same properties differ; z should give at least half of that variety.",
)

SCANS_PER_COEFFICIENT = 2
"""Of the regression of real scans; a split with fewer scans has no figure."""

PROTOCOL = {
    "synthetic": "variance among seeds at fixed properties, mean over property vectors and voxels",
    "real": "variance that a linear regression on the generator's conditions leaves, unbiased",
    "over": "variance of the real scans",
    "scans_per_coefficient": SCANS_PER_COEFFICIENT,
}


def products(first: Floats, second: Floats) -> Floats:
    """Products of volumes, mean over voxels.

    Args:
        first: ``[V, voxels]``.
        second: the same, or another measurement of the same volumes with independent noise.

    Returns:
        ``[V, V]``, symmetric.
    """
    found = first @ second.T / first.shape[1]
    symmetric: Floats = (found + found.T).astype(np.float64) / 2
    return symmetric


def residual_variance(matrix: Floats, design: Floats, weights: Floats) -> float:
    """Variance that a linear regression leaves, mean over voxels, unbiased.

    Args:
        matrix: ``[V, V]`` of :func:`products`.
        design: ``[V, C]`` regressors; a constant is added.
        weights: ``[V]`` of the volumes.

    >>> values = np.array([[1.0], [3.0], [11.0], [13.0]])
    >>> groups = np.array([[0.0], [0.0], [1.0], [1.0]])
    >>> round(residual_variance(products(values, values), groups, np.ones(4)), 6)
    2.0
    """
    root = np.sqrt(weights)
    basis = linalg.orth(root[:, None] * _with_constant(design))
    weighted = root[:, None] * matrix * root
    left = np.trace(weighted) - np.sum(basis * (weighted @ basis))
    degrees_of_freedom = weights.sum() - weights @ (basis**2).sum(axis=1)
    return float(left / degrees_of_freedom)


def coefficients(design: Floats) -> int:
    """Number of independent coefficients of a regression, the constant included."""
    return int(np.linalg.matrix_rank(_with_constant(design)))


def _with_constant(design: Floats) -> Floats:
    return np.column_stack([np.ones(len(design)), design])


@register
class ZShare(Metric[MetricSpec]):
    """Variance among seeds over that of real scans; the baseline is what properties leave."""

    SPECS: ClassVar[tuple[MetricSpec, ...]] = (
        MetricSpec(
            key="z_share",
            title="Share of z",
            unit="1",
            aim="match",
            source="variance among seeds at fixed properties over that of real scans; real: "
            "1 - R2, adjusted",
            criterion="Coverage",
            description="Share of the real variance that z makes; real: that properties leave.",
            headline=True,
            goal=GOAL,
        ),
    )

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return self.context.grid.protocol | PROTOCOL

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; see :meth:`.Metric.measure`."""
        grid = cohorts.seed_grid
        if grid is None:
            return {}
        found = self._products([grid.draws, *cohorts.real.values()])

        def variances(cohort: Cohort, design: Floats) -> Floats:
            weights = np.vstack([np.ones(len(cohort)), sampling.weights(cohort)])
            of_cohort = found[cohort.label]
            return np.array([residual_variance(of_cohort, design, each) for each in weights])

        vectors = grid.draws.patient_index
        among_seeds = variances(grid.draws, np.eye(vectors.max() + 1)[vectors])
        results = {}
        for split, cohort in cohorts.real.items():
            design = grid.conditions[split]
            if len(cohort) < SCANS_PER_COEFFICIENT * coefficients(design):
                continue
            total = variances(cohort, np.empty((len(cohort), 0)))
            unexplained = variances(cohort, design)
            results[split] = MetricResult(
                _estimate(among_seeds / total, len(grid.draws)),
                _estimate(unexplained / total, len(cohort)),
            )
        return results

    def _products(self, cohorts: Sequence[Cohort]) -> dict[str, Floats]:
        """:func:`products` of each cohort's volumes, by label; the real ones follow the draws."""
        found = {}
        for cohort in cohorts:
            centred = (cohort.images - cohort.images.mean(axis=0)).reshape(len(cohort), -1)
            found[cohort.label] = products(centred, centred)
        return found


def _estimate(shares: Floats, count: int) -> Estimate:
    return Estimate(float(shares[0]), shares[1:], count)
