"""Pooled cohorts: the mean of what each volume shows, and the distance of two such means.

The floor of such a distance is the distance of two halves of the real volumes. A perfect generator
would get a little less, since a half is smaller than the whole.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from syda.metrics.cohorts import Cohort, Cohorts, Floats, Sampling
from syda.metrics.estimate import Estimate, MetricResult, spread_of

HALF_SPLITS = 20
"""Random half splits that the real-vs-real floor is averaged over."""

FLOOR = f"mean of {HALF_SPLITS} random half splits of the split's patients"

SMALLEST = 2
"""Patients that show what is measured: a half has one."""

Rows = Mapping[str, Floats]
"""Cohort's label to ``[V, x]``, what each volume shows; a row of NaN shows nothing."""

Of = Callable[[Floats], Floats]
"""``[..., x]`` rows to ``[...]`` figures."""

Apart = Callable[[Floats, Floats], Floats]
"""Two times ``[..., x]`` rows to ``[...]`` distances."""


def pooled_values(
    cohorts: Cohorts, rows: Rows, of: Of, sampling: Sampling
) -> dict[str, MetricResult]:
    """Compare a value of the pooled synthetic volumes with that of each pooled real split.

    Args:
        cohorts: the volumes behind the rows.
        rows: of every cohort.
        of: what is read from a row.
        sampling: seed and bootstrap.

    Returns:
        Split to result; empty where fewer than two patients of a cohort show anything.
    """
    pools = _pools(cohorts, rows, sampling)
    if not pools:
        return {}
    synthetic = pools[cohorts.synthetic.label].figure(of)
    return {split: MetricResult(synthetic, pools[split].figure(of)) for split in cohorts.real}


def distances(
    cohorts: Cohorts, rows: Rows, apart: Apart, sampling: Sampling
) -> dict[str, MetricResult]:
    """Compare the distance of the synthetic pool to each real pool with its floor.

    Arguments and result as in :func:`pooled_values`; ``apart`` compares two rows.
    """
    pools = _pools(cohorts, rows, sampling)
    if not pools:
        return {}
    synthetic = pools[cohorts.synthetic.label]
    return {
        split: MetricResult(
            synthetic.distance(pools[split], apart), pools[split].floor(apart, sampling)
        )
        for split in cohorts.real
    }


def _pools(cohorts: Cohorts, rows: Rows, sampling: Sampling) -> dict[str, "_Pool"]:
    pools = {cohort.label: _Pool(cohort, rows[cohort.label], sampling) for cohort in cohorts.all()}
    return pools if min(pool.patients for pool in pools.values()) >= SMALLEST else {}


class _Pool:
    """The volumes of a cohort that show something, with equal weights and with the bootstrap's."""

    def __init__(self, cohort: Cohort, rows: Floats, sampling: Sampling) -> None:
        shown = np.isfinite(rows).all(axis=1)
        self._label = cohort.label
        self._rows = rows[shown]
        self._patient = np.unique(cohort.patient_index[shown], return_inverse=True)[1]
        self._everyone = np.arange(len(self._rows))
        drawn = sampling.weights(cohort)[:, shown]
        self._weights = np.vstack([np.ones(len(self._rows)), drawn])

    @property
    def patients(self) -> int:
        return len(np.unique(self._patient))

    def figure(self, of: Of) -> Estimate:
        """What the pool shows; its spread is that of single volumes."""
        return self._estimate(of(self._pooled(self._everyone)), of(self._rows))

    def distance(self, other: "_Pool", apart: Apart) -> Estimate:
        """To another pool; its spread is that of single volumes to the other pool."""
        target = other._pooled(other._everyone)
        return self._estimate(
            apart(self._pooled(self._everyone), target), apart(self._rows, target[:1])
        )

    def floor(self, apart: Apart, sampling: Sampling) -> Estimate:
        """Between two halves of the patients, mean over random halves."""
        splits = [
            apart(self._pooled(first), self._pooled(second))
            for first, second in self._halves(sampling)
        ]
        return self._estimate(np.mean(splits, axis=0), np.array([split[0] for split in splits]))

    def _halves(self, sampling: Sampling) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        generator = sampling.generator("halves", self._label)
        for _ in range(HALF_SPLITS):
            chosen = generator.permutation(self.patients)[: self.patients // 2]
            in_first = np.isin(self._patient, chosen)
            yield np.flatnonzero(in_first), np.flatnonzero(~in_first)

    def _pooled(self, members: NDArray[np.intp]) -> Floats:
        """``[1 + bootstrap, x]`` mean row of some members."""
        weights = self._weights[:, members]
        pooled: Floats = weights @ self._rows[members] / weights.sum(axis=1, keepdims=True)
        return pooled

    def _estimate(self, values: Floats, single: Floats) -> Estimate:
        value, *replicates = values
        return Estimate(float(value), np.array(replicates), len(self._rows), spread_of(single))
