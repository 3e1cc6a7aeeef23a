"""What a test of so few volumes or people could have found.

>>> round(smallest_difference(8, 13), 2)
1.26
"""

import math
from statistics import NormalDist

from scipy import stats

RARE = 0.025
"""Probability below which chance does not explain a figure."""

POWER = 0.8
"""Share of studies that would find the difference."""


def smallest_difference(first: int, second: int) -> float:
    """Smallest difference of the means of two groups that a study would find, in deviations.

    A two-sided test at 5 % with a power of 80 %, in the normal approximation.

    Source: M. Bland, An Introduction to Medical Statistics, 4th edition, 2015, section 18.3.

    Args:
        first: people in one group.
        second: people in the other.
    """
    quantile = NormalDist().inv_cdf
    return (quantile(1 - RARE) + quantile(POWER)) * math.sqrt(1 / first + 1 / second)


def smallest_share_of_copies(volumes: int, held_out: int, nearer: int) -> float:
    """Smallest share of copies among the volumes that the precedence test would have found.

    Args:
        volumes: synthetic volumes.
        held_out: held-out scans.
        nearer: held-out scans that are nearer to a training scan than the threshold.

    Returns:
        1 or less; more than 1 where the test cannot find anything.

    >>> smallest_share_of_copies(96, 21, 1) < smallest_share_of_copies(12, 6, 1)
    True
    """
    law = stats.nhypergeom(volumes + held_out, volumes, nearer + 1)
    return next(
        (count / volumes for count in range(volumes + 1) if law.sf(count - 1) < RARE), math.inf
    )


def smallest_loss_of_authentic(volumes: int, held_out: int, authentic: int) -> float:
    """How far the share of authentic volumes had to lie below that of held-out scans to be seen.

    Args:
        volumes: synthetic volumes.
        held_out: held-out scans.
        authentic: of the held-out scans.

    Returns:
        1 or less; infinity where Fisher's exact test cannot find anything.

    >>> round(smallest_loss_of_authentic(96, 21, 20), 2)
    0.21
    """
    real = [authentic, held_out - authentic]
    for count in range(volumes, -1, -1):
        table = [[count, volumes - count], real]
        if stats.fisher_exact(table, alternative="less").pvalue < RARE:
            return authentic / held_out - count / volumes
    return math.inf
