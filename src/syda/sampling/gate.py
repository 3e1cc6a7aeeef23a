"""The gate of synthetic volumes: one body, in air, of HU that a scan has.

A generator now and then draws what is no scan of anybody: a second body, a hole from the inside to
the outside, a body that fills the field to its rim. These rules know no anatomy; they stop what is
wrong at a glance. What they stop is counted by reason and drawn again from another seed, so that a
seed stays the name of one volume.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any

import numpy as np

from syda.errors import CheckFailed
from syda.sampling.sampler import Sample
from syda.types import HU
from syda.volume.body import TISSUE_ABOVE_HU, Mask, filled, largest_piece


class Fault(StrEnum):
    """Why a volume is rejected."""

    HU_RANGE = "hu_range"
    """Its darkest voxels are no air, or its brightest ones no tissue, or all metal."""
    CONSTANT = "constant"
    """Nearly one value throughout."""
    NO_BODY = "no_body"
    """Hardly any tissue hangs together."""
    PIECES = "pieces"
    """Tissue beside the body: a second one, or crumbs."""
    OPEN = "open"
    """Air reaches from outside deep into the body."""
    BORDER = "border"
    """The body lies against the sides of the field."""


@dataclass(frozen=True)
class Rules:
    """What a volume must be. Shares are 0 to 1; *tissue* is what is denser than -500 HU.

    Attributes:
        p0_5_hu: lowest and highest 0.5th percentile of the voxels, HU.
        p99_5_hu: lowest and highest 99.5th percentile of the voxels, HU.
        min_std_hu: standard deviation of the voxels, HU.
        min_body_share: of the voxels that belong to the body, the largest piece of tissue.
        max_loose_share: of the tissue that does not belong to it.
        max_open_share: of what the body spans in the axial slices, that is air with a way out.
        min_air_border_share: of the sides of the slices that show the body, that is no tissue.
    """

    p0_5_hu: Sequence[float]
    p99_5_hu: Sequence[float]
    min_std_hu: float
    min_body_share: float
    max_loose_share: float
    max_open_share: float
    min_air_border_share: float


@dataclass(frozen=True)
class Measured:
    """What the rules look at; see :class:`Rules`."""

    p0_5_hu: float
    p99_5_hu: float
    std_hu: float
    body_share: float
    loose_share: float
    open_share: float
    air_border_share: float


def measure(hu: HU) -> Measured:
    """Measure a volume ``[i, j, k]`` for the gate."""
    tissue = hu > TISSUE_ABOVE_HU
    body = largest_piece(tissue)
    dark, bright = np.percentile(hu, (0.5, 99.5))
    shown = tissue[:, :, body.any(axis=(0, 1))]
    sides = np.concatenate([shown[[0, -1]].ravel(), shown[1:-1, [0, -1]].ravel()])
    return Measured(
        p0_5_hu=float(dark),
        p99_5_hu=float(bright),
        std_hu=float(hu.std()),
        body_share=float(body.mean()),
        loose_share=1 - float(body.sum() / tissue.sum()) if tissue.any() else 0.0,
        open_share=_open_share(body),
        air_border_share=1 - float(sides.mean()) if sides.size else 1.0,
    )


def faults(hu: HU, rules: Rules) -> list[Fault]:
    """Return the rules that a volume ``[i, j, k]`` breaks, none for a sound one."""
    found = measure(hu)
    broken = {
        Fault.HU_RANGE: not rules.p0_5_hu[0] <= found.p0_5_hu <= rules.p0_5_hu[1]
        or not rules.p99_5_hu[0] <= found.p99_5_hu <= rules.p99_5_hu[1],
        Fault.CONSTANT: found.std_hu < rules.min_std_hu,
        Fault.NO_BODY: found.body_share < rules.min_body_share,
        Fault.PIECES: found.loose_share > rules.max_loose_share,
        Fault.OPEN: found.open_share > rules.max_open_share,
        Fault.BORDER: found.air_border_share < rules.min_air_border_share,
    }
    return [fault for fault, is_broken in broken.items() if is_broken]


class Gate:
    """Lets sound volumes through and counts the others.

    Args:
        rules: in force.
        max_rejected_share: of the volumes drawn; beyond it nothing more is drawn.

    Attributes:
        drawn: volumes, the rejected ones among them.
        rejected: seed to the rules that its volume breaks.
    """

    def __init__(self, rules: Rules, max_rejected_share: float) -> None:
        self.rules = rules
        self.max_rejected_share = max_rejected_share
        self.drawn = 0
        self.rejected: dict[int, list[Fault]] = {}

    def passing(self, draw: Callable[[int], Sample], seeds: Sequence[int]) -> Iterator[Sample]:
        """Draw a sound volume for each seed.

        The seeds after the largest one stand in, in turn, for those whose volume is rejected.

        Raises:
            CheckFailed: too many are rejected.
        """
        spare = count(max(seeds) + 1)
        for first in seeds:
            seed = first
            while found := faults((sample := self._draw(draw, seed)).volume.hu, self.rules):
                self.rejected[seed] = found
                limit = self.max_rejected_share * (len(seeds) + len(self.rejected))
                if len(self.rejected) > limit:
                    raise CheckFailed(self._too_many(len(seeds)))
                seed = next(spare)
            yield sample

    def counts(self) -> dict[str, Any]:
        """Return what was drawn and rejected; a volume counts for each rule that it breaks."""
        told = [fault for each in self.rejected.values() for fault in each]
        return {
            "drawn": self.drawn,
            "rejected": len(self.rejected),
            "reasons": {fault.value: told.count(fault) for fault in Fault},
            "rejected_seeds": {str(seed): each for seed, each in self.rejected.items()},
        }

    def told(self) -> str:
        """Return in a line how many were rejected, and why."""
        reasons = self.counts()["reasons"].items()
        why = ", ".join(f"{reason} {number}" for reason, number in reasons if number)
        return f"the gate rejected {len(self.rejected)} of {self.drawn} volumes ({why})"

    def _draw(self, draw: Callable[[int], Sample], seed: int) -> Sample:
        self.drawn += 1
        return draw(seed)

    def _too_many(self, wanted: int) -> str:
        return (
            f"generate: {self.told()}, while {wanted} sound ones were asked for and a share of "
            f"{self.max_rejected_share:g} may be rejected: train better, or loosen generate.gate"
        )


def _open_share(body: Mask) -> float:
    """Share of what the body ``[i, j, k]`` spans in its slices that is air with a way out.

    A voxel is spanned if the body lies to its left and right, or in front and behind.
    """
    spanned = np.zeros_like(body)
    for axis in (0, 1):
        before = np.logical_or.accumulate(body, axis=axis)
        behind = np.flip(np.logical_or.accumulate(np.flip(body, axis), axis=axis), axis)
        spanned |= before & behind
    outside = ~filled(body.transpose(2, 0, 1)).transpose(1, 2, 0)
    return float((spanned & outside).sum() / max(1, spanned.sum()))
