"""The quality gate of synthetic volumes: one body, in air, with the HU of a scan.

A generator sometimes draws a second body, a hole from the inside to the outside, or a body that
fills the field. The rules use no knowledge of anatomy. A rejected volume is counted by reason and
replaced by the volume of another seed, so that a seed always names the same volume.

Where the training records are there, a volume that is nearer to a training scan than scans of other
people are is rejected as well (:mod:`syda.metrics.copy_check`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, Protocol

import numpy as np

from syda.errors import CheckFailed
from syda.sampling.config import GateParams
from syda.sampling.sampler import Sample
from syda.types import HU
from syda.volume.body import TISSUE_ABOVE_HU, Mask, filled, largest_piece


class RejectionReason(StrEnum):
    """Why a volume is rejected."""

    HU_RANGE = "hu_range"
    """The dark voxels are no air, or the bright ones are no tissue or all metal."""
    CONSTANT = "constant"
    """The voxels hardly vary."""
    NO_BODY = "no_body"
    """The largest piece of tissue is too small."""
    PIECES = "pieces"
    """Too much tissue outside the body."""
    OPEN = "open"
    """Air reaches from outside deep into the body."""
    BORDER = "border"
    """The body touches the sides of the field."""
    COPY = "copy"
    """The volume is nearer to a training scan than scans of other people are."""


NO_COPY_CHECK = (
    "not possible: there are no records of the training here, with two held-out patients or more, "
    "so nobody can tell whether a volume is a copy of a training scan"
)
"""Outcome of the copy check without records."""

COPY_CHECK_OFF = "off: generate.gate.copy_quantile is 0"
"""Outcome of the copy check where it is turned off."""


class CopyDetector(Protocol):
    """Finds copies of training scans, as :class:`syda.metrics.copy_check.CopyCheck` does."""

    def is_copy(self, hu: HU) -> bool:
        """Whether a decoded cube ``[i, j, k]`` is a copy."""

    def detail(self) -> dict[str, Any]:
        """Return the thresholds, and what they do to scans that are no copies."""

    def describe(self) -> str:
        """Return the latter in a line."""


@dataclass(frozen=True)
class GateMeasurements:
    """Measurements that the rules of :class:`~syda.sampling.config.GateParams` bound.

    *Tissue* is denser than -500 HU. Shares lie in [0, 1].

    Attributes:
        p0_5_hu: 0.5th percentile of the voxels, HU.
        p99_5_hu: 99.5th percentile of the voxels, HU.
        std_hu: standard deviation of the voxels, HU.
        body_share: share of voxels in the body, the largest piece of tissue.
        loose_share: share of the tissue outside the body.
        open_share: share of the body's extent in its slices that is air with a way out.
        air_border_share: share of the sides of the slices with body that is air.
    """

    p0_5_hu: float
    p99_5_hu: float
    std_hu: float
    body_share: float
    loose_share: float
    open_share: float
    air_border_share: float


def measure(hu: HU) -> GateMeasurements:
    """Measure a volume ``[i, j, k]`` for the gate."""
    tissue = hu > TISSUE_ABOVE_HU
    body = largest_piece(tissue)
    dark, bright = np.percentile(hu, (0.5, 99.5))
    shown = tissue[:, :, body.any(axis=(0, 1))]
    sides = np.concatenate([shown[[0, -1]].ravel(), shown[1:-1, [0, -1]].ravel()])
    return GateMeasurements(
        p0_5_hu=float(dark),
        p99_5_hu=float(bright),
        std_hu=float(hu.std()),
        body_share=float(body.mean()),
        loose_share=1 - float(body.sum() / tissue.sum()) if tissue.any() else 0.0,
        open_share=_open_share(body),
        air_border_share=1 - float(sides.mean()) if sides.size else 1.0,
    )


def check(hu: HU, rules: GateParams) -> list[RejectionReason]:
    """Return why a volume ``[i, j, k]`` is rejected; an empty list accepts it."""
    found = measure(hu)
    broken = {
        RejectionReason.HU_RANGE: not rules.p0_5_hu[0] <= found.p0_5_hu <= rules.p0_5_hu[1]
        or not rules.p99_5_hu[0] <= found.p99_5_hu <= rules.p99_5_hu[1],
        RejectionReason.CONSTANT: found.std_hu < rules.min_std_hu,
        RejectionReason.NO_BODY: found.body_share < rules.min_body_share,
        RejectionReason.PIECES: found.loose_share > rules.max_loose_share,
        RejectionReason.OPEN: found.open_share > rules.max_open_share,
        RejectionReason.BORDER: found.air_border_share < rules.min_air_border_share,
    }
    return [reason for reason, is_broken in broken.items() if is_broken]


class QualityGate:
    """Accepts or rejects volumes and counts the rejected ones.

    Args:
        rules: bounds of the measurements.
        copies: finds copies of training scans; None without the records of the training, or where
            ``copy_quantile`` is 0.

    Attributes:
        sampled: number of volumes, including the rejected ones.
        rejected: seed to the reasons why its volume was rejected.

    >>> from syda.types import Volume
    >>> rules = GateParams(
    ...     p0_5_hu=[-1000, 0], p99_5_hu=[0, 900], min_std_hu=50, min_body_share=0,
    ...     max_loose_share=1, max_open_share=1, min_air_border_share=0, copy_quantile=0.05,
    ...     max_rejected_share=0.5,
    ... )
    >>> noise = np.random.default_rng(0).integers(-900, 800, (8, 8, 8), np.int16)
    >>> volumes = {0: noise * 0, 1: noise}
    >>> gate = QualityGate(rules)
    >>> sample = lambda seed: Sample(seed, 8, {}, Volume(volumes[seed], np.eye(4)))
    >>> [accepted.seed for accepted in gate.passing(sample, seeds=[0])]
    [1]
    >>> gate.describe()
    'the gate rejected 1 of 2 volumes (constant 1)'
    """

    def __init__(self, rules: GateParams, copies: CopyDetector | None = None) -> None:
        self.rules = rules
        self.copies = copies
        self.sampled = 0
        self.rejected: dict[int, list[RejectionReason]] = {}

    def passing(self, sample: Callable[[int], Sample], seeds: Sequence[int]) -> Iterator[Sample]:
        """Sample an accepted volume for each seed.

        The seeds after the largest one replace, in turn, those whose volume is rejected.

        Raises:
            CheckFailed: too many volumes are rejected.
        """
        spare = count(max(seeds) + 1)
        for first in seeds:
            seed = first
            while reasons := self._check((made := self._sample(sample, seed)).volume.hu):
                self.rejected[seed] = reasons
                limit = self.rules.max_rejected_share * (len(seeds) + len(self.rejected))
                if len(self.rejected) > limit:
                    raise CheckFailed(
                        f"generate: {self.describe()}; a share of "
                        f"{self.rules.max_rejected_share:g} may be rejected to get {len(seeds)} "
                        "volumes: train longer, or loosen generate.gate"
                    )
                seed = next(spare)
            yield made

    def _sample(self, sample: Callable[[int], Sample], seed: int) -> Sample:
        self.sampled += 1
        return sample(seed)

    def _check(self, hu: HU) -> list[RejectionReason]:
        copied = self.copies is not None and self.copies.is_copy(hu)
        return check(hu, self.rules) + ([RejectionReason.COPY] if copied else [])

    @property
    def copy_check(self) -> str:
        """Outcome of the copy check for a volume that is accepted."""
        if self.copies:
            return "passed"
        return NO_COPY_CHECK if self.rules.copy_quantile else COPY_CHECK_OFF

    def counts(self) -> dict[str, Any]:
        """Return the numbers of sampled and rejected volumes; a volume counts for each reason."""
        found = [reason for reasons in self.rejected.values() for reason in reasons]
        return {
            "drawn": self.sampled,
            "rejected": len(self.rejected),
            "reasons": {reason.value: found.count(reason) for reason in RejectionReason},
            "rejected_seeds": {str(seed): reasons for seed, reasons in self.rejected.items()},
            "copy_check": self.copies.detail()
            if self.copies
            else {"checked": False, "why": self.copy_check},
        }

    def describe(self) -> str:
        """Say in a line how many volumes were rejected, and why."""
        reasons = self.counts()["reasons"].items()
        why = ", ".join(f"{reason} {number}" for reason, number in reasons if number)
        return f"the gate rejected {len(self.rejected)} of {self.sampled} volumes ({why})"


def _open_share(body: Mask) -> float:
    """Share of the extent of the body ``[i, j, k]`` in its slices that is air with a way out.

    A voxel belongs to the extent if the body lies on both of its sides along i or along j.
    """
    spanned = np.zeros_like(body)
    for axis in (0, 1):
        before = np.logical_or.accumulate(body, axis=axis)
        behind = np.flip(np.logical_or.accumulate(np.flip(body, axis), axis=axis), axis)
        spanned |= before & behind
    outside = ~filled(body.transpose(2, 0, 1)).transpose(1, 2, 0)
    return float((spanned & outside).sum() / max(1, spanned.sum()))
