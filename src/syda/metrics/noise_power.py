"""Noise power: does soft tissue have the texture of real soft tissue, coarse and fine?

Small in-plane blocks of soft tissue, their trend removed, give a noise power spectrum, as in water
phantoms. In a scan it holds the noise of the scanner and the fine structure of tissue. Where the
model's voxels are so large that the noise has averaged out, it holds the structure alone.

Two spectra are compared in decibels, so that weak fine texture counts like strong coarse texture:
the log-spectral distance. 3 dB are twice the power.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syda.metrics import pools
from syda.metrics.cohorts import Cohorts, Floats, Images, Sampling, VoxelGrid
from syda.metrics.estimate import MetricResult
from syda.metrics.metric import Metric, MetricContext, MetricSpec, register
from syda.properties.measured import SOFT_HU
from syda.runtime import progress

SIDE = {64: 8, 0: 4}
"""Grid size, from so many voxels on, to voxels a side of a block: soft tissue must fill some."""

ROUNDING = 1 / 12
"""HU^2, variance of rounding to whole HU: files hold whole HU, so no spectrum is lower."""


def blocks(hu: Floats, side: int) -> Floats:
    """In-plane blocks of soft tissue, each overlapping the next by half.

    A block counts where the mean of each of its quarters is soft tissue: that keeps out the edge to
    fat, bone or gas, and unlike a bound on single voxels it lets noise in.

    Args:
        hu: ``[D, H, W]``, slices along D.
        side: voxels, even.

    Returns:
        ``[n, side, side]``.
    """
    half = side // 2
    rows, columns = hu.shape[1] // half, hu.shape[2] // half
    cropped = hu[:, : rows * half, : columns * half]
    means = cropped.reshape(len(hu), rows, half, columns, half).mean(axis=(2, 4))
    soft = (means > SOFT_HU[0]) & (means < SOFT_HU[1])
    whole = soft[:, :-1, :-1] & soft[:, 1:, :-1] & soft[:, :-1, 1:] & soft[:, 1:, 1:]
    windows = np.lib.stride_tricks.sliding_window_view(cropped, (side, side), axis=(1, 2))
    found: Floats = windows[:, ::half, ::half][whole]
    return found


def detrended(found: Floats) -> Floats:
    """Blocks ``[n, side, side]`` without their mean and their slope along either axis."""
    side = found.shape[-1]
    along = np.arange(side) - (side - 1) / 2
    slopes = np.stack(np.broadcast_arrays(along[:, None], along)) / np.sqrt(side * (along**2).sum())
    flat: Floats = found - found.mean(axis=(1, 2), keepdims=True)
    planes: Floats = np.einsum("nij,sij,skl->nkl", flat, slopes, slopes, optimize=True)
    return flat - planes


def bands(side: int) -> NDArray[np.int64]:
    """``[side, side]`` periods a block at each position of a spectrum, rounded."""
    periods = np.fft.fftfreq(side) * side
    number: NDArray[np.int64] = np.rint(np.hypot(periods[:, None], periods)).astype(np.int64)
    return number


def noise_power(found: Floats) -> Floats:
    """Noise power spectrum of blocks, averaged over all directions.

    The mean over all positions of a spectrum is the variance of the detrended block (Parseval). For
    white noise the spectrum is flat at the variance, except in the first band, which the trend
    lowers.

    Source: J. H. Siewerdsen, I. A. Cunningham, D. A. Jaffray, "A framework for noise-power spectrum
    analysis of multidimensional images", Medical Physics 29(11), 2002; here per voxel, in HU^2.

    Args:
        found: ``[n, side, side]`` HU.

    Returns:
        ``[n, bands]`` HU^2, for 1, 2, ... periods a block; the corners of the spectrum belong to
        bands of their own.
    """
    side = found.shape[-1]
    spectrum = np.abs(np.fft.fft2(detrended(found))) ** 2 / side**2
    band = bands(side)
    return np.stack(
        [spectrum[:, band == number].mean(axis=1) for number in range(1, band.max() + 1)], axis=1
    )


def decibels(images: Images, grid: VoxelGrid, side: int, label: str) -> Floats:
    """Mean noise power of each volume's soft tissue, in dB above 1 HU^2.

    The mean is taken of decibels. A mean of powers would show only the few blocks with an edge,
    which have a hundred times the power of the others.

    Args:
        images: ``[V, D, H, W]`` in the model range.
        grid: the window.
        side: of a block, voxels.
        label: of the progress bar.

    Returns:
        ``[V, bands]``; NaN for a volume without such a block.
    """
    rows = np.full((len(images), bands(side).max()), np.nan)
    volumes = progress.track(images, len(images), f"noise power {label}", "volumes")
    for row, image in zip(rows, volumes, strict=True):
        found = blocks(grid.hu_above_window(image) + grid.window_min, side)
        if len(found):
            row[:] = (10 * np.log10(noise_power(found) + ROUNDING)).mean(axis=0)
    return rows


def log_spectral_distance(first: Floats, second: Floats) -> Floats:
    """Root mean square difference of spectra in dB.

    Source: A. H. Gray, J. D. Markel, "Distance measures for speech processing", IEEE Transactions
    on Acoustics, Speech, and Signal Processing 24(5), 1976 (p = 2).

    Args:
        first: ``[..., bands]`` dB.
        second: the same shape.

    Returns:
        ``[...]`` dB.

    >>> float(log_spectral_distance(np.array([1.0, 2]), np.array([4.0, 5])))
    3.0
    """
    distance: Floats = np.sqrt(((first - second) ** 2).mean(axis=-1))
    return distance


@register
class NoisePower(Metric[MetricSpec]):
    """Distance of the mean noise power spectra; the floor is that of halves of the real volumes."""

    SPECS = (
        MetricSpec(
            key="noise_power",
            title="Log-spectral distance of noise power",
            unit="dB",
            aim="lower",
            source="Siewerdsen et al., Med. Phys. 29, 2002; Gray and Markel, IEEE TASSP 24, 1976",
            criterion="Congruence",
            description="Does soft tissue have the texture of real soft tissue, coarse and fine?",
        ),
    )

    def __init__(self, context: MetricContext, spec: MetricSpec | None = None) -> None:
        super().__init__(context, spec)
        self._side = next(side for least, side in SIDE.items() if context.grid.size >= least)

    @property
    def key(self) -> str:
        """Key in the reports."""
        return f"{self.spec.key}_lsd_b{self._side}"

    @property
    def protocol(self) -> dict[str, Any]:
        """Every choice behind the value."""
        return self.context.grid.protocol | {
            "block": f"{self._side} x {self._side} voxels, axial, overlapping by half",
            "soft_tissue_hu": list(SOFT_HU),
            "soft_tissue": "the mean of each quarter of a block is",
            "trend": "a plane, removed",
            "bands": "whole periods a block, all directions",
            "pooling": "mean of dB over a volume's blocks, then over volumes",
            "floor": pools.FLOOR,
        }

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, MetricResult]:
        """Compare with every real split; see :meth:`.Metric.measure`."""
        grid = self.context.grid
        rows = {c.label: decibels(c.images, grid, self._side, c.label) for c in cohorts.all()}
        results = pools.distances(cohorts, rows, log_spectral_distance, sampling)
        return {
            split: _with_bands(result, rows[cohorts.synthetic.label], rows[split])
            for split, result in results.items()
        }


def _with_bands(result: MetricResult, synthetic: Floats, real: Floats) -> MetricResult:
    """Add each band's difference to the spread: positive where there is too much texture."""
    difference = np.nanmean(synthetic, axis=0) - np.nanmean(real, axis=0)
    by_band = {f"dB_band_{number}": float(db) for number, db in enumerate(difference, start=1)}
    estimate = result.synthetic
    return replace(result, synthetic=replace(estimate, spread=estimate.spread | by_band))
