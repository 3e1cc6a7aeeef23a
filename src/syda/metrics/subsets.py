"""Subsets of one size, for values that depend on the number of volumes.

The distance of the nearest volume and the error of a covariance depend on the number of volumes. So
every cohort is cut to the size of the smallest. A value is the mean over many such draws.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syda.metrics.cohorts import Cohort, Cohorts, Floats, Sampling
from syda.metrics.estimate import Estimate, spread_of

DRAWS = 100
"""Number of random subsets that are averaged."""

MIN_PATIENTS = 12
"""Patients of each cohort: a half of them has five neighbours each."""

PROTOCOL = {
    "subsets": f"mean over {DRAWS} draws of equally many patients, those of the smallest cohort",
    "volumes_each_patient": 1,
    "interval": "1.96 standard deviations over halves of the subsets; "
    f"{MIN_PATIENTS} patients or more",
}

Rows = Mapping[str, NDArray[np.intp]]
"""Cohort's label to the drawn rows of an array of all volumes (:meth:`.Cohorts.rows`)."""


@dataclass(frozen=True)
class Subsets:
    """Draws from every cohort.

    Attributes:
        size: volumes of each cohort in a draw, no two of one patient.
        whole: draws of that size.
        halves: as many draws of half of it as the bootstrap has replicates.
    """

    size: int
    whole: list[Rows]
    halves: list[Rows]

    def estimate(self, figure: Callable[[Rows], float]) -> Estimate:
        """Mean of a value over the draws, and its deviation over draws of half the size.

        Delete-half jackknife: the variance over random halves estimates the variance of the full
        sample. A bootstrap would draw volumes twice, which are then each other's nearest. Of a
        larger cohort less than half is drawn. Where two sets are alike, the interval is therefore
        about twice too wide; it errs towards "no difference found".

        Source: J. Shao, C. F. J. Wu, "A general theory for jackknife variance estimation", Annals
        of Statistics 17(3), 1989; d = n / 2 are left out.
        """
        values = np.array([figure(rows) for rows in self.whole])
        replicates = np.array([figure(rows) for rows in self.halves])
        return Estimate(float(values.mean()), replicates, self.size, spread_of(values))


def large_enough(cohorts: Cohorts) -> bool:
    """Whether every cohort has :data:`MIN_PATIENTS` patients."""
    return _smallest(cohorts) >= MIN_PATIENTS


def draw(cohorts: Cohorts, sampling: Sampling) -> Subsets:
    """Draw subsets of all cohorts; the same for every value, so that two are compared in pairs.

    Args:
        cohorts: of :data:`MIN_PATIENTS` patients or more each.
        sampling: seed, and the number of replicates.
    """
    size = _smallest(cohorts)
    rows = cohorts.rows()
    sizes = [size] * DRAWS + [size // 2] * sampling.bootstrap
    drawn: dict[str, list[NDArray[np.intp]]] = {}
    for cohort in cohorts.all():
        generator = sampling.generator("subsets", cohort.label)
        start = rows[cohort.label].start
        drawn[cohort.label] = [
            start + one_per_patient(cohort, generator)[:count] for count in sizes
        ]
    draws: list[Rows] = [
        dict(zip(drawn, together, strict=True)) for together in zip(*drawn.values(), strict=True)
    ]
    return Subsets(size, draws[:DRAWS], draws[DRAWS:])


def one_per_patient(cohort: Cohort, generator: np.random.Generator) -> NDArray[np.intp]:
    """One volume of each patient, and the patients, in random order: ``[patients]`` rows."""
    order = generator.permutation(len(cohort))
    _, first = np.unique(cohort.patient_index[order], return_index=True)
    chosen: NDArray[np.intp] = order[generator.permutation(first)]
    return chosen


def submatrix(distances: Floats, first: NDArray[np.intp], second: NDArray[np.intp]) -> Floats:
    """``[m, n]`` distances of some rows to others."""
    return distances[np.ix_(first, second)]


def _smallest(cohorts: Cohorts) -> int:
    return min(len(set(cohort.patients)) for cohort in cohorts.all())
