"""Tissues in HU: does fat lie where fat lies, and lung, soft tissue and bone?

The Wasserstein distance of the whole histogram says that the mix is off; these figures say which
tissue is, in which direction and by how many HU. Fat, soft tissue and lung make peaks of the
histogram. Bone makes none that survives the size of the model's voxels, as cortex, marrow and their
surroundings mix: the median of what is dense enough to be bone stands in for it. Where a cohort's
scans do not reach the lungs, the first figure is that of the few voxels between gas and tissue.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from syda.metrics import interior, pools
from syda.metrics.cohorts import Cohorts, Floats, Grid, Sampling
from syda.metrics.estimate import Figure
from syda.metrics.interior import Interior
from syda.metrics.metric import About
from syda.volume.properties import BONE_FROM_HU, FAT_HU, SOFT_HU

LUNG_HU = (-950, -600)
"""From the limit of emphysema (Gevenois et al., American Journal of Respiratory and Critical Care
Medicine 154, 1996) to that of high attenuation (Lederer et al., the same 180, 2009)."""

SIGMA_HU = 5
"""Of the Gaussian that smooths a histogram: it leaves one mode of a few thousand voxels, and is
narrower than a tissue's peak."""


def peak(smoothed: Floats) -> Floats:
    """Position of the largest value, from 0: ``[..., bins]`` to ``[...]``."""
    position: Floats = smoothed.argmax(axis=-1).astype(np.float64)
    return position


def median(shares: Floats) -> Floats:
    """First position at which half of the sum is reached, from 0: ``[..., bins]`` to ``[...]``."""
    reached = np.cumsum(shares, axis=-1)
    position: Floats = (reached >= reached[..., -1:] / 2).argmax(axis=-1).astype(np.float64)
    return position


@dataclass(frozen=True)
class Tissue:
    """A band of HU and what is read from its histogram.

    Attributes:
        key: in ``metrics.json``.
        title: for people.
        low: lower limit, HU, in the band.
        high: upper limit, likewise; None for the window's.
        sigma: of the smoothing, HU; 0 for none.
        read: the position in the band.
        source: of the limits.
    """

    key: str
    title: str
    low: int
    high: int | None
    sigma: int
    read: Callable[[Floats], Floats]
    source: str


TISSUES = (
    Tissue(
        f"hu_peak_lung_s{SIGMA_HU}", "HU peak of lung", *LUNG_HU, SIGMA_HU, peak,
        "band: Gevenois et al., AJRCCM 154, 1996; Lederer et al., AJRCCM 180, 2009",
    ),
    Tissue(
        f"hu_peak_fat_s{SIGMA_HU}", "HU peak of fat", *FAT_HU, SIGMA_HU, peak,
        "band: Sjostrom et al., Am. J. Physiology 250, 1986",
    ),
    Tissue(
        f"hu_peak_soft_s{SIGMA_HU}", "HU peak of soft tissue", *SOFT_HU, SIGMA_HU, peak,
        "band: from water to the least dense bone",
    ),
    Tissue(
        f"hu_median_bone_{BONE_FROM_HU}", "HU median of bone", BONE_FROM_HU, None, 0, median,
        "band: Pickhardt et al., Annals of Internal Medicine 158, 2013",
    ),
)  # fmt: skip


class TissueHu:
    """Where a tissue lies in the pooled histogram of the bodies, beside the real one.

    A figure at a limit of the band: the histogram has no peak in it. A volume without a voxel in
    the band shows nothing and does not count.
    """

    def __init__(self, within: Interior, tissue: Tissue) -> None:
        self._interior = within
        self._tissue = tissue

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        tissue, grid = self._tissue, self._interior.grid
        return About(
            key=tissue.key,
            title=tissue.title,
            unit="HU",
            aim="match",
            source=tissue.source,
            protocol=interior.PROTOCOL
            | {
                "grid": grid.size,
                "window_hu": [grid.window_min, grid.window_max],
                "band_hu": list(self._band(grid)),
                "smoothing_hu": tissue.sigma,
                "figure": f"{tissue.read.__name__} of the pooled histogram",
                "pooling": "mean of volumes, each one's voxels over those of its body",
            },
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; nothing where the window leaves the tissue out."""
        low, high = self._band(self._interior.grid)
        if low >= high:
            return {}
        rows = {
            label: self._rows(inside.hu) for label, inside in self._interior.of(cohorts).items()
        }
        return pools.side_by_side(
            cohorts, rows, lambda shares: low + self._tissue.read(shares), sampling
        )

    def _rows(self, hu: Floats) -> Floats:
        """``[V, band]`` shares, smoothed; NaN where a volume has no voxel in the band."""
        low, high = (
            end - self._interior.grid.window_min for end in self._band(self._interior.grid)
        )
        band = slice(low, high + 1)
        none = hu[:, band].sum(axis=1) == 0
        if self._tissue.sigma:
            hu = ndimage.gaussian_filter1d(hu, self._tissue.sigma, axis=1, mode="constant")
        return np.where(none[:, None], np.nan, hu[:, band])

    def _band(self, grid: Grid) -> tuple[int, int]:
        """The tissue's limits within the window."""
        high = grid.window_max if self._tissue.high is None else self._tissue.high
        return max(self._tissue.low, grid.window_min), min(high, grid.window_max)
