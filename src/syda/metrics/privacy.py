"""Privacy: do synthetic volumes repeat the scans that the generator was trained on?

Tests of nearest neighbours run in two spaces of distances. Two are relative: they compare training
scans with held-out ones, so a generator whose volumes are far from both does not pass for a safe
one. Their control is the same test between random halves of the training scans, all of them
members: it shows the effect of chance at so few scans. The other three are absolute: held-out scans
in the place of synthetic volumes show the result of scans that are surely no copies. Where every
volume lies farther away than any held-out scan, these three are not testable.

The volumes are those of the seed grid, which no gate has seen: a gate that refuses copies would
hide them.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from syda.metrics import subsets
from syda.metrics.cohorts import Cohort, Cohorts, Floats, Sampling
from syda.metrics.estimate import DECIMALS, interval, mean_over_pairs, pairs_between
from syda.metrics.metric import MetricContext
from syda.metrics.privacy_results import (
    AUTHENTIC,
    COPIES,
    COPY_QUANTILE,
    HALVES,
    MEMBERSHIP,
    NEARER,
    NEED_NEARNESS,
    RATIO,
    Audit,
    Finding,
)
from syda.metrics.subsets import Rows, one_per_patient, submatrix
from syda.metrics.voxels import rms_hu


def measure(context: MetricContext, cohorts: Cohorts, sampling: Sampling) -> list[Audit]:
    """Run every test in both spaces; empty where a cohort has too few patients.

    Args:
        context: grid and network.
        cohorts: real splits ``train`` and ``holdout``. The synthetic volumes are tested where there
            is no seed grid.
        sampling: seed and bootstrap.
    """
    drawn, volumes = cohorts.synthetic, "synthetic volumes (a gate may have refused others)"
    clusters = None
    if cohorts.seed_grid:
        drawn, volumes = cohorts.seed_grid.draws, "draws that no gate has seen"
        clusters = drawn.patient_index
        drawn = replace(drawn, label="synthetic", patients=drawn.names)
    cohorts = replace(cohorts, synthetic=drawn)
    if not subsets.large_enough(cohorts):
        return []
    network = context.efficientnet
    perceptual, by_voxel = network.extract(*cohorts.images).distances, rms_hu(cohorts, context.grid)
    spaces = [
        (f"perceptual_{network.map_space}", "perceptual", "1", perceptual),
        ("rms_hu", "voxel by voxel", "HU", by_voxel),
    ]
    return [
        replace(audit(*space, cohorts, sampling, clusters), volumes=f"{len(drawn)} {volumes}")
        for space in spaces
    ]


def audit(
    space: str,
    title: str,
    unit: str,
    distances: Floats,
    cohorts: Cohorts,
    sampling: Sampling,
    clusters: NDArray[np.intp] | None = None,
) -> Audit:
    """Run every test on a matrix of distances.

    Args:
        space: name of the distance.
        title: of it, for people.
        unit: of it.
        distances: ``[V, V]`` in the order of :meth:`.Cohorts.rows`.
        cohorts: of :data:`syda.metrics.subsets.MIN_PATIENTS` patients or more each.
        sampling: seed and bootstrap.
        clusters: ``[V]`` group of each synthetic volume, e.g. its property vector; the bootstrap of
            the ratio resamples groups. None for one group a volume.
    """
    rows = {label: np.arange(part.start, part.stop) for label, part in cohorts.rows().items()}
    train = cohorts.real["train"]
    to_train = submatrix(distances, rows["synthetic"], rows["train"])
    held_to_train = submatrix(distances, rows["holdout"], rows["train"])
    nearest, held_nearest = to_train.min(axis=1), held_to_train.min(axis=1)
    among = submatrix(distances, rows["train"], rows["train"])
    threshold = float(np.quantile(held_nearest, COPY_QUANTILE))
    drawn = cohorts.synthetic
    if clusters is not None:
        drawn = replace(drawn, patients=tuple(map(str, clusters)))
    findings = {
        RATIO: _ratio(nearest, held_nearest, (drawn, cohorts.real["holdout"]), sampling),
        NEARER: _nearer(distances, rows, cohorts, sampling),
        MEMBERSHIP: _membership(distances, rows, cohorts, sampling),
        AUTHENTIC: _authentic(
            authentic(to_train, among, train), authentic(held_to_train, among, train)
        ),
        COPIES: _copies(nearest < threshold, held_nearest < threshold),
    }
    if nearest.min() > held_nearest.max():
        for name in NEED_NEARNESS:
            findings[name] = replace(findings[name], testable=False)
    listing = tuple(
        f"{name} {train.names[row.argmin()]} {row.min():.{DECIMALS}f}"
        for name, row in zip(cohorts.synthetic.names, to_train, strict=True)
    )
    both = {"synthetic": nearest, "holdout": held_nearest}
    median = {label: float(np.median(values)) for label, values in both.items()}
    closest = {label: float(values.min()) for label, values in both.items()}
    volumes = f"{len(nearest)} volumes"
    return Audit(space, title, unit, findings, threshold, median, closest, listing, both, volumes)


def share_nearer(to_first: Floats, to_second: Floats) -> float:
    """Share of volumes that are nearer to a first set than to a second; a tie is half a volume.

    Args:
        to_first: ``[V, m]`` distances; as many columns as ``to_second`` for a fair share.
        to_second: ``[V, m]``.

    >>> share_nearer(np.array([[1.0], [2], [5]]), np.array([[2.0], [2], [4]]))
    0.5
    """
    return float(_wins(to_first.min(axis=1), to_second.min(axis=1)).mean())


def authentic(to_train: Floats, among: Floats, train: Cohort) -> NDArray[np.bool_]:
    """Whether each volume is farther from its nearest training scan than that is from the others.

    Source: A. M. Alaa, B. van Breugel, E. Saveliev, M. van der Schaar, "How faithful is your
    synthetic data?", ICML 2022.

    Args:
        to_train: ``[V, m]`` distances of volumes to training scans.
        among: ``[m, m]`` distances of training scans.
        train: the training scans; scans of one patient are not each other's nearest.
    """
    patient = train.patient_index
    apart = np.where(patient[:, None] != patient, among, np.inf).min(axis=1)
    found: NDArray[np.bool_] = to_train.min(axis=1) > apart[to_train.argmin(axis=1)]
    return found


def _ratio(
    nearest: Floats, held_nearest: Floats, cohorts: tuple[Cohort, Cohort], sampling: Sampling
) -> Finding:
    """Ratio of the median distances to the nearest training scan."""
    drawn, holdout = cohorts
    value = float(np.median(nearest) / np.median(held_nearest))
    replicates = _weighted_medians(nearest, sampling.weights(drawn)) / _weighted_medians(
        held_nearest, sampling.weights(holdout)
    )
    low, high = interval(value, replicates)
    patient = holdout.patient_index
    generator = sampling.generator("halves", holdout.label)
    control = []
    for _ in range(HALVES):
        order = generator.permutation(int(patient.max()) + 1)
        first = np.isin(patient, order[: len(order) // 2])
        control.append(float(np.median(held_nearest[first]) / np.median(held_nearest[~first])))
    return Finding(value, max(low, 0.0), high, len(nearest), _control(control))


def _weighted_medians(values: Floats, weights: Floats) -> Floats:
    """Median of ``[V]`` values under each row of ``[B, V]`` weights."""
    order = np.argsort(values)
    below = np.cumsum(weights[:, order], axis=1)
    medians: Floats = values[order][np.argmax(below >= below[:, -1:] / 2, axis=1)]
    return medians


def _wins(first: Floats, second: Floats) -> Floats:
    wins: Floats = (first < second) + 0.5 * (first == second)
    return wins


def _nearer(distances: Floats, rows: Rows, cohorts: Cohorts, sampling: Sampling) -> Finding:
    """Share nearer to training scans. A draw lacks some of these, so copies do not reach 1."""

    def share(drawn: Rows) -> float:
        sides = (submatrix(distances, drawn["synthetic"], drawn[s]) for s in ("train", "holdout"))
        return share_nearer(*sides)

    draws = subsets.draw(cohorts, sampling)
    estimate = draws.estimate(share)
    low, high = interval(estimate.value, estimate.replicates)
    train = cohorts.real["train"]
    generator = sampling.generator("members", train.label)
    control = []
    for _ in range(HALVES):
        order = rows["train"][one_per_patient(train, generator)]
        size = min(draws.size, len(order) // 2)
        halves = order[:size], order[size : 2 * size]
        control.append(
            share_nearer(*(submatrix(distances, rows["synthetic"], half) for half in halves))
        )
    n = len(cohorts.synthetic)
    return Finding(estimate.value, max(low, 0.0), min(high, 1.0), n, _control(control))


def _membership(distances: Floats, rows: Rows, cohorts: Cohorts, sampling: Sampling) -> Finding:
    train, holdout = cohorts.real["train"], cohorts.real["holdout"]
    member, other = (
        submatrix(distances, rows[cohort.label], rows["synthetic"]).min(axis=1)
        for cohort in (train, holdout)
    )
    pairs = pairs_between(train, holdout)
    wins = _wins(member[pairs.first], other[pairs.second])
    estimate = mean_over_pairs(wins, pairs, (train, holdout), sampling)
    low, high = interval(estimate.value, estimate.replicates)
    patient = train.patient_index
    count = int(patient.max()) + 1
    generator = sampling.generator("members", train.label)
    control = []
    for _ in range(HALVES):
        first = np.isin(patient, generator.permutation(count)[: count // 2])
        control.append(float(_wins(member[first][:, None], member[~first]).mean()))
    n = len(train) + len(holdout)
    return Finding(estimate.value, max(low, 0.0), min(high, 1.0), n, _control(control))


def _control(values: list[float]) -> dict[str, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return {
        "control": float(np.mean(values)),
        "control_low": float(low),
        "control_high": float(high),
    }


def _authentic(found: NDArray[np.bool_], real: NDArray[np.bool_]) -> Finding:
    """Share of authentic volumes; p by Fisher's exact test, one-sided."""
    table = [[int(part.sum()), int((~part).sum())] for part in (found, real)]
    return _share(found, real, float(stats.fisher_exact(table, alternative="less").pvalue))


def _copies(found: NDArray[np.bool_], real: NDArray[np.bool_]) -> Finding:
    """Share of copies; p by a precedence test, since few held-out scans make the threshold.

    If synthetic volumes are as near to training scans as held-out ones, every order of the two is
    equally likely. The number before the r-th held-out scan is then negative hypergeometric.

    Source: N. Balakrishnan, H. K. T. Ng, "Precedence-type tests and applications", Wiley 2006.
    """
    count, rank = int(found.sum()), int(real.sum()) + 1
    law = stats.nhypergeom(len(found) + len(real), len(found), rank)
    return _share(found, real, float(law.sf(count - 1)))


def _share(found: NDArray[np.bool_], real: NDArray[np.bool_], p: float) -> Finding:
    """Share of volumes with a binomial interval, as volumes are independent."""
    count, n = int(found.sum()), len(found)
    exact = stats.binomtest(count, n).proportion_ci(0.95, method="exact")
    reference = {"real": float(real.mean()), "p": p}
    return Finding(count / n, float(exact.low), float(exact.high), n, reference)
