"""Privacy: do synthetic volumes repeat the scans that the generator was trained on?

Four tests of nearest neighbours, each in two spaces of distances. Two are relative, training scans
against held-out ones, so that a generator whose volumes are far from both does not pass for a safe
one; their control is the same test between random halves of the training scans, all of them
members: it shows what chance alone makes of so few. The other two are absolute, and held-out scans
in the place of synthetic volumes show what scans that are surely no copies would get.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from syda.metrics import subsets
from syda.metrics.cohorts import Cohort, Cohorts, Floats, Grid, Sampling
from syda.metrics.estimate import DECIMALS, interval, mean_over_pairs, pairs_between, rounded
from syda.metrics.metric import Aim
from syda.metrics.perception import Perception
from syda.metrics.subsets import Rows, between, one_each
from syda.metrics.voxels import rms_hu

COPY_QUANTILE = 0.05
"""Of held-out scans' distances to the nearest training scan: nearer is called a copy."""

HALVES = 200
"""Random halves of the training patients behind a control."""


@dataclass(frozen=True)
class Reading:
    """How to read one test.

    Attributes:
        title: for people.
        aim: where the figure of a generator that repeats nothing lies.
        beside: what it is read against: ``control`` or ``real``.
        source: paper.
        protocol: the choices behind it.
    """

    title: str
    aim: Aim
    beside: str
    source: str
    protocol: Mapping[str, Any]


_CONTROL = f"{HALVES} random halves of the training patients; low and high are 95 % of them"
_BINOMIAL = "95 % of Clopper and Pearson, which unlike a bootstrap's has a width at 0 and 1"

READINGS = {
    "nearer_to_train": Reading(
        "Nearer to a training than to a held-out scan",
        "match",
        "control",
        "M. Platzer, T. Reutterer, Frontiers in Big Data 4, 2021 (share of nearest records)",
        subsets.PROTOCOL | {"control": _CONTROL},
    ),
    "membership_auc": Reading(
        "Membership test by the nearest synthetic volume, AUC",
        "match",
        "control",
        "D. Chen et al., GAN-Leaks, CCS 2020 (the attack that sees generated samples alone)",
        {
            "score": "distance of a scan to the nearest synthetic volume; a member is nearer",
            "interval": "Bayesian bootstrap of the patients",
            "control": _CONTROL,
        },
    ),
    "authentic": Reading(
        "Authentic volumes",
        "higher",
        "real",
        "A. M. Alaa et al., ICML 2022 (authenticity)",
        {
            "authentic": "farther from the nearest training scan than that from its nearest other",
            "interval": _BINOMIAL,
            "real": "held-out scans in the place of the synthetic volumes",
        },
    ),
    f"copies_q{COPY_QUANTILE * 100:g}": Reading(
        "Copies",
        "lower",
        "real",
        "threshold on held-out scans as in S. U. H. Dar et al., arXiv:2402.01054",
        {
            "copy": "nearer to a training scan than this quantile of the held-out scans' distances",
            "quantile": COPY_QUANTILE,
            "interval": _BINOMIAL,
            "real": "held-out scans in the place of the synthetic volumes",
        },
    ),
}
"""The four tests by their names in ``metrics.json``."""

NEARER, MEMBERSHIP, AUTHENTIC, COPIES = READINGS


@dataclass(frozen=True)
class Finding:
    """One test in one space.

    Attributes:
        value: share of synthetic volumes, or AUC.
        low: of its 95 % interval.
        high: likewise.
        n: synthetic volumes, or scans, behind it.
        beside: ``real`` and ``p``, the probability of such a share or a worse one if synthetic
            volumes are as held-out scans are; or ``control``, ``control_low``, ``control_high``.
    """

    value: float
    low: float
    high: float
    n: int
    beside: Mapping[str, float]

    def detail(self) -> dict[str, float | int]:
        """Everything, for ``details.json``; ``metrics.json`` has the value alone."""
        numbers = {"value": self.value, "low": self.low, "high": self.high, **self.beside}
        return {name: rounded(value) for name, value in numbers.items()} | {"n": self.n}


@dataclass(frozen=True)
class Audit:
    """The tests in one space of distances.

    Attributes:
        space: its name, in the key.
        title: of the space, for people.
        unit: of a distance.
        findings: by test.
        threshold: distance below which a synthetic volume is a copy.
        median: distance to the nearest training scan, of ``synthetic`` volumes and of ``holdout``
            scans.
        closest: the smallest such distance, likewise.
        listing: ``volume scan distance``: each synthetic volume's nearest training scan.
    """

    space: str
    title: str
    unit: str
    findings: Mapping[str, Finding]
    threshold: float
    median: Mapping[str, float]
    closest: Mapping[str, float]
    listing: tuple[str, ...]

    def detail(self) -> dict[str, Any]:
        """The findings and what lies behind them, for ``details.json``."""
        return {
            "title": self.title,
            "unit": self.unit,
            "findings": {name: finding.detail() for name, finding in self.findings.items()},
            "copy_threshold": rounded(self.threshold),
            "median": {name: rounded(value) for name, value in self.median.items()},
            "closest": {name: rounded(value) for name, value in self.closest.items()},
            "nearest": list(self.listing),
        }


def measure(
    perception: Perception, grid: Grid, cohorts: Cohorts, sampling: Sampling
) -> list[Audit]:
    """Run every test in every space; nothing where a cohort has too few patients.

    Args:
        perception: the network before the volumes.
        grid: theirs.
        cohorts: real splits ``train`` and ``holdout``.
        sampling: seed and bootstrap.
    """
    if not subsets.enough(cohorts):
        return []
    seen = perception.of(cohorts).distances
    return [
        audit(f"perceptual_{perception.space.id}", "perceptual", "1", seen, cohorts, sampling),
        audit("rms_hu", "voxel by voxel", "HU", rms_hu(cohorts, grid), cohorts, sampling),
    ]


def audit(
    space: str, title: str, unit: str, distances: Floats, cohorts: Cohorts, sampling: Sampling
) -> Audit:
    """Run every test on a matrix of distances.

    Args:
        space: name of the distance.
        title: of it, for people.
        unit: of it.
        distances: ``[V, V]`` in the order of :meth:`Perception.rows`.
        cohorts: of :data:`syda.metrics.subsets.FEWEST` patients or more each.
        sampling: seed and bootstrap.
    """
    rows = {
        label: np.arange(part.start, part.stop) for label, part in Perception.rows(cohorts).items()
    }
    train = cohorts.real["train"]
    to_train = between(distances, rows["synthetic"], rows["train"])
    held_to_train = between(distances, rows["holdout"], rows["train"])
    nearest, held_nearest = to_train.min(axis=1), held_to_train.min(axis=1)
    among = between(distances, rows["train"], rows["train"])
    threshold = float(np.quantile(held_nearest, COPY_QUANTILE))
    findings = {
        NEARER: _nearer(distances, rows, cohorts, sampling),
        MEMBERSHIP: _membership(distances, rows, cohorts, sampling),
        AUTHENTIC: _authentic(
            authentic(to_train, among, train), authentic(held_to_train, among, train)
        ),
        COPIES: _copies(nearest < threshold, held_nearest < threshold),
    }
    listing = tuple(
        f"{name} {train.names[row.argmin()]} {row.min():.{DECIMALS}f}"
        for name, row in zip(cohorts.synthetic.names, to_train, strict=True)
    )
    both = {"synthetic": nearest, "holdout": held_nearest}
    median = {label: float(np.median(values)) for label, values in both.items()}
    closest = {label: float(values.min()) for label, values in both.items()}
    return Audit(space, title, unit, findings, threshold, median, closest, listing)


def share_nearer(to_first: Floats, to_second: Floats) -> float:
    """Share of volumes that are nearer to a first set than to a second; a tie is half a volume.

    Args:
        to_first: ``[V, m]`` distances; as many columns as ``to_second`` for a fair share.
        to_second: ``[V, m]``.
    """
    return float(_wins(to_first.min(axis=1), to_second.min(axis=1)).mean())


def authentic(to_train: Floats, among: Floats, train: Cohort) -> NDArray[np.bool_]:
    """Whether each volume is farther from its nearest training scan than that is from the others.

    Source: A. M. Alaa, B. van Breugel, E. Saveliev, M. van der Schaar, "How faithful is your
    synthetic data?", ICML 2022.

    Args:
        to_train: ``[V, m]`` distances of volumes to training scans.
        among: ``[m, m]`` distances of training scans.
        train: whose scans they are; scans of one patient are not each other's nearest.
    """
    patient = train.patient_index
    apart = np.where(patient[:, None] != patient, among, np.inf).min(axis=1)
    found: NDArray[np.bool_] = to_train.min(axis=1) > apart[to_train.argmin(axis=1)]
    return found


def _wins(first: Floats, second: Floats) -> Floats:
    wins: Floats = (first < second) + 0.5 * (first == second)
    return wins


def _nearer(distances: Floats, rows: Rows, cohorts: Cohorts, sampling: Sampling) -> Finding:
    """Share nearer to training scans; as a draw lacks some of these, 1 is not reached by copies."""

    def share(drawn: Rows) -> float:
        sides = (between(distances, drawn["synthetic"], drawn[s]) for s in ("train", "holdout"))
        return share_nearer(*sides)

    draws = subsets.draw(cohorts, sampling)
    estimate = draws.estimate(share)
    low, high = interval(estimate.value, estimate.replicates)
    train = cohorts.real["train"]
    generator = sampling.generator("members", train.label)
    control = []
    for _ in range(HALVES):
        order = rows["train"][one_each(train, generator)]
        size = min(draws.size, len(order) // 2)
        halves = order[:size], order[size : 2 * size]
        control.append(
            share_nearer(*(between(distances, rows["synthetic"], half) for half in halves))
        )
    n = len(cohorts.synthetic)
    return Finding(estimate.value, max(low, 0.0), min(high, 1.0), n, _control(control))


def _membership(distances: Floats, rows: Rows, cohorts: Cohorts, sampling: Sampling) -> Finding:
    train, holdout = cohorts.real["train"], cohorts.real["holdout"]
    member, other = (
        between(distances, rows[cohort.label], rows["synthetic"]).min(axis=1)
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

    If synthetic volumes are as near to training scans as held-out ones, any order of the two is as
    likely as any other, and the number that comes before the r-th held-out scan is negative
    hypergeometric.

    Source: N. Balakrishnan, H. K. T. Ng, "Precedence-type tests and applications", Wiley 2006.
    """
    count, rank = int(found.sum()), int(real.sum()) + 1
    law = stats.nhypergeom(len(found) + len(real), len(found), rank)
    return _share(found, real, float(law.sf(count - 1)))


def _share(found: NDArray[np.bool_], real: NDArray[np.bool_], p: float) -> Finding:
    """Share of volumes, each drawn for itself, so that a binomial law gives its interval."""
    count, n = int(found.sum()), len(found)
    exact = stats.binomtest(count, n).proportion_ci(0.95, method="exact")
    beside = {"real": float(real.mean()), "p": p}
    return Finding(count / n, float(exact.low), float(exact.high), n, beside)
