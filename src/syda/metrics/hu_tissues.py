"""Tissues in HU: are lung, fat, soft tissue and bone where they belong?

The Wasserstein distance of the whole histogram says that the mix is off. These values say which
tissue is off, in which direction and by how many HU. Lung, fat and soft tissue make peaks of the
histogram. Bone makes none at the size of the model's voxels, where cortex and marrow mix, so its
value is the median of what is dense enough to be bone. Where scans do not reach the lungs, the
first value is that of the few voxels between gas and tissue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from syda.metrics import body_histograms, pools
from syda.metrics.cohorts import Cohorts, Floats, Sampling
from syda.metrics.estimate import MetricResult
from syda.metrics.metric import Metric, MetricSpec, register
from syda.properties.measured import BONE_FROM_HU, FAT_HU, SOFT_HU

LUNG_HU = (-950, -600)
"""From the limit of emphysema (Gevenois et al., American Journal of Respiratory and Critical Care
Medicine 154, 1996) to that of high attenuation (Lederer et al., the same 180, 2009)."""

SIGMA_HU = 5
"""Of the Gaussian that smooths a histogram: narrower than a tissue's peak, and wide enough to leave
one mode of a few thousand voxels."""


def peak(smoothed: Floats) -> Floats:
    """Position of the largest value, from 0: ``[..., bins]`` to ``[...]``."""
    position: Floats = smoothed.argmax(axis=-1).astype(np.float64)
    return position


def median(shares: Floats) -> Floats:
    """First position at which half of the sum is reached, from 0: ``[..., bins]`` to ``[...]``.

    >>> float(median(np.array([1.0, 1, 1, 1])))
    1.0
    """
    reached = np.cumsum(shares, axis=-1)
    position: Floats = (reached >= reached[..., -1:] / 2).argmax(axis=-1).astype(np.float64)
    return position


@dataclass(frozen=True, kw_only=True)
class TissueSpec(MetricSpec):
    """A band of HU and what is read from its histogram.

    Attributes:
        low: lower limit, HU, in the band.
        high: upper limit, likewise; None for the window's.
        read: the position in the band: :func:`peak` of the smoothed histogram, or :func:`median`.
    """

    low: int
    high: int | None
    read: Callable[[Floats], Floats] = peak

    @property
    def sigma(self) -> int:
        """Of the smoothing, HU; 0 for none."""
        return SIGMA_HU if self.read is peak else 0


def _peak_spec(name: str, title: str, band: tuple[int, int], source: str) -> TissueSpec:
    return TissueSpec(
        key=f"hu_peak_{name}_s{SIGMA_HU}",
        title=f"HU peak of {title}",
        unit="HU",
        aim="match",
        source=f"band: {source}",
        criterion="Congruence",
        description=f"HU where the histogram of {title} has its peak.",
        headline=True,
        low=band[0],
        high=band[1],
    )


@register
class TissueHu(Metric[TissueSpec]):
    """Where a tissue lies in the pooled histogram of the bodies.

    A value at a limit of the band means that the histogram has no peak in it. A volume without a
    voxel in the band does not count.
    """

    SPECS = (
        _peak_spec(
            "lung", "lung", LUNG_HU,
            "Gevenois et al., AJRCCM 154, 1996; Lederer et al., AJRCCM 180, 2009",
        ),
        _peak_spec("fat", "fat", FAT_HU, "Sjostrom et al., Am. J. Physiology 250, 1986"),
        _peak_spec("soft", "soft tissue", SOFT_HU, "from water to the least dense bone"),
        TissueSpec(
            key=f"hu_median_bone_{BONE_FROM_HU}",
            title="HU median of bone",
            unit="HU",
            aim="match",
            source="band: Pickhardt et al., Annals of Internal Medicine 158, 2013",
            criterion="Congruence",
            description="Median HU of what is dense enough to be bone.",
            low=BONE_FROM_HU,
            high=None,
            read=median,
        ),
    )  # fmt: skip

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return (
            body_histograms.PROTOCOL
            | self.context.grid.protocol
            | {
                "band_hu": list(self._band()),
                "smoothing_hu": self.spec.sigma,
                "figure": f"{self.spec.read.__name__} of the pooled histogram",
                "pooling": "mean of volumes, each one's voxels over those of its body",
            }
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; empty where the window leaves the tissue out."""
        low, high = self._band()
        if low >= high:
            return {}
        bodies = self.context.bodies.of(cohorts)
        rows = {label: self._rows(found.hu) for label, found in bodies.items()}
        return pools.pooled_values(
            cohorts, rows, lambda shares: low + self.spec.read(shares), sampling
        )

    def _rows(self, hu: Floats) -> Floats:
        """``[V, band]`` shares, smoothed; NaN where a volume has no voxel in the band."""
        low, high = (end - self.context.grid.window_min for end in self._band())
        band = slice(low, high + 1)
        none = hu[:, band].sum(axis=1) == 0
        if self.spec.sigma:
            hu = ndimage.gaussian_filter1d(hu, self.spec.sigma, axis=1, mode="constant")
        return np.where(none[:, None], np.nan, hu[:, band])

    def _band(self) -> tuple[int, int]:
        """The tissue's limits within the window."""
        grid = self.context.grid
        high = grid.window_max if self.spec.high is None else self.spec.high
        return max(self.spec.low, grid.window_min), min(high, grid.window_max)
