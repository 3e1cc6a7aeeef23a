"""Statistics of readers and volumes: ROC AUC, accuracy, their interval, and kappa.

Readers and volumes are both samples, so the interval of a mean over readers covers both (the
random-reader, random-case analysis of Obuchowski and Rockette for one modality).

Sources: N. A. Obuchowski, H. E. Rockette, "Hypothesis testing of diagnostic accuracy for multiple
readers and multiple tests", Commun. Stat. Simul. Comput. 24, 1995. S. L. Hillis, "A marginal-mean
ANOVA approach for analyzing multireader multicase radiological imaging data", Stat. Med. 33, 2014.
E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, "Comparing the areas under two or more correlated
receiver operating characteristic curves", Biometrics 44, 1988 (covariance).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]


@dataclass(frozen=True)
class Components:
    """A figure of each reader, as a mean over volumes of each kind.

    Attributes:
        values: ``[R]``, the figure.
        synthetic: ``[R, m]`` structural components of the synthetic volumes.
        real: ``[R, n]`` those of the real volumes.
    """

    values: Floats
    synthetic: Floats
    real: Floats

    def covariance(self) -> Floats:
        """Covariance ``[R, R]`` of the readers' figures, as all read the same volumes."""
        parts = (self.synthetic, self.real)
        found = [np.atleast_2d(np.cov(part)) / part.shape[1] for part in parts]
        total: Floats = found[0] + found[1]
        return total


@dataclass(frozen=True)
class MeanFigure:
    """Mean over readers and its 95 % interval.

    Attributes:
        value: the mean.
        low: end of the interval; None where no variance can be estimated.
        high: the same.
        readers: ``[R]`` the figure of each reader.
    """

    value: float
    low: float | None
    high: float | None
    readers: tuple[float, ...]


def auc_components(scores: Floats, truth: Truth) -> Components:
    """ROC AUC by Mann-Whitney: the share of pairs whose synthetic volume scores higher.

    Args:
        scores: ``[R, V]``, higher for "synthetic"; a tie counts half.
        truth: ``[V]``, true for synthetic.

    >>> auc_components(np.array([[1.0, 2, 3, 3]]), np.array([False, False, True, True])).values
    array([1.])
    """
    synthetic, real = scores[:, truth, None], scores[:, None, ~truth]
    wins = (synthetic > real) + 0.5 * (synthetic == real)
    return Components(wins.mean(axis=(1, 2)), wins.mean(axis=2), wins.mean(axis=1))


def accuracy_components(scores: Floats, truth: Truth) -> Components:
    """Accuracy: the mean of the share right among synthetic and among real volumes.

    A study has as many of each, so it is the share right of all.

    Args:
        scores: ``[R, V]``, above 0 for "synthetic".
        truth: ``[V]``, true for synthetic.
    """
    right = (scores > 0) == truth
    synthetic, real = (right[:, part].astype(np.float64) / 2 for part in (truth, ~truth))
    return Components(synthetic.mean(axis=1) + real.mean(axis=1), synthetic, real)


def mean_figure(components: Components) -> MeanFigure:
    """Mean over readers with the interval of Hillis 2014 for one modality.

    The variance of the mean is ``(MS(R) + R max(Cov2, 0)) / R``. Its degrees of freedom are
    ``(R - 1) ((MS(R) + R max(Cov2, 0)) / MS(R))^2``. With one reader, only the volumes are a
    sample. The interval is cut at 0 and 1.
    """
    values, covariance = components.values, components.covariance()
    count = len(values)
    mean = float(values.mean())
    if count == 1:
        variance, freedom = float(covariance[0, 0]), np.inf
    else:
        between = float(values.var(ddof=1))
        shared = max(float(covariance[~np.eye(count, dtype=bool)].mean()), 0.0)
        total = between + count * shared
        variance = total / count
        freedom = (count - 1) * (total / between) ** 2 if between > 0 else np.inf
    readers = tuple(float(value) for value in values)
    if variance <= 0:
        return MeanFigure(mean, None, None, readers)
    half = float(stats.t.ppf(0.975, freedom)) * variance**0.5
    return MeanFigure(mean, max(mean - half, 0.0), min(mean + half, 1.0), readers)


def fleiss_kappa(ratings: NDArray[np.intp], levels: int) -> float | None:
    """Agreement of several readers in categories, beyond chance.

    Source: J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychol. Bull. 76,
    1971.

    Args:
        ratings: ``[R, V]`` category of each volume, from 0.
        levels: number of categories.

    Returns:
        None for one reader, or where every rating is the same: kappa is then not defined.
    """
    readers = len(ratings)
    if readers < 2:
        return None
    counts = (ratings[:, :, None] == np.arange(levels)).sum(axis=0)
    agreed = ((counts**2).sum(axis=1) - readers) / (readers * (readers - 1))
    chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return None if chance >= 1 else (float(agreed.mean()) - chance) / (1 - chance)


def weighted_kappa(first: NDArray[np.intp], second: NDArray[np.intp], levels: int) -> float | None:
    """Agreement of two series of ordered ratings beyond chance, with quadratic weights.

    With two levels it is Cohen's kappa.

    Source: J. Cohen, "Weighted kappa", Psychol. Bull. 70, 1968.

    Args:
        first: ``[N]`` level of each rating, from 0.
        second: ``[N]`` the other rating of the same thing.
        levels: number of them.

    Returns:
        None without ratings, or where chance alone would not disagree: kappa is then not defined.
    """
    if not len(first):
        return None
    rank = np.arange(levels)
    weights = (rank[:, None] - rank) ** 2
    shares = [np.bincount(one, minlength=levels) / len(one) for one in (first, second)]
    chance = float((weights * np.outer(*shares)).sum())
    return None if chance == 0 else 1 - float(((first - second) ** 2).mean()) / chance
