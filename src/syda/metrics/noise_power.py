"""Noise power: has soft tissue the texture of real soft tissue, coarse and fine?

Small in-plane blocks of soft tissue, their trend removed, give a noise power spectrum, as it is
measured in water phantoms. In a scan it holds the noise of the scanner and the fine structure of
tissue; where the model's voxels are so large that the noise has averaged out, the structure alone.

Two spectra are compared in decibels, so that fine texture, which is weak, counts like coarse one:
the log-spectral distance. 3 dB are twice the power.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from syda.metrics import pools
from syda.metrics.cohorts import Cohorts, Floats, Grid, Images, Sampling
from syda.metrics.estimate import Figure
from syda.metrics.metric import About
from syda.runtime import progress
from syda.volume.properties import SOFT_HU

SIDE = {64: 8, 0: 4}
"""Voxels a side of a block, for grids from so many voxels a side on: soft tissue must fill some."""

ROUNDING = 1 / 12
"""HU^2, variance of rounding to whole HU, which files hold: no spectrum says less than that."""


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
    """``[side, side]`` number of periods a block at each place of a spectrum, to a whole number."""
    periods = np.fft.fftfreq(side) * side
    number: NDArray[np.int64] = np.rint(np.hypot(periods[:, None], periods)).astype(np.int64)
    return number


def noise_power(found: Floats) -> Floats:
    """Noise power spectrum of blocks, averaged over all directions.

    Over all places of a spectrum its mean is the variance of the detrended block (Parseval). It is
    flat, at the variance, for white noise, but for what the trend takes from the first band.

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


def decibels(images: Images, grid: Grid, side: int, label: str) -> Floats:
    """Mean noise power of each volume's soft tissue, in dB above 1 HU^2.

    The mean is one of decibels: the few blocks with an edge in them have a hundred times the power
    of the others and would be all that a mean of powers shows.

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
        found = blocks((image.astype(np.float64) + 1) * grid.hu_per_unit + grid.window_min, side)
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
    """
    distance: Floats = np.sqrt(((first - second) ** 2).mean(axis=-1))
    return distance


class NoisePower:
    """Distance of the mean noise power spectra, beside that of halves of the real volumes."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._side = next(side for least, side in SIDE.items() if grid.size >= least)

    @property
    def about(self) -> About:
        """Identity, and how to read the figure."""
        return About(
            key=f"noise_power_lsd_b{self._side}",
            title="Log-spectral distance of noise power",
            unit="dB",
            aim="lower",
            source="Siewerdsen et al., Med. Phys. 29, 2002; Gray and Markel, IEEE TASSP 24, 1976",
            protocol={
                "grid": self._grid.size,
                "window_hu": [self._grid.window_min, self._grid.window_max],
                "block": f"{self._side} x {self._side} voxels, axial, overlapping by half",
                "soft_tissue_hu": list(SOFT_HU),
                "soft_tissue": "the mean of each quarter of a block is",
                "trend": "a plane, removed",
                "bands": "whole periods a block, all directions",
                "pooling": "mean of dB over a volume's blocks, then over volumes",
                "floor": pools.FLOOR,
            },
        )

    def measure(self, cohorts: Cohorts, sampling: Sampling) -> dict[str, Figure]:
        """Measure against every real split; see :class:`syda.metrics.metric.Metric`."""
        rows = {c.label: decibels(c.images, self._grid, self._side, c.label) for c in cohorts.all()}
        figures = pools.distances(cohorts, rows, log_spectral_distance, sampling)
        return {
            split: _signed(figure, rows[cohorts.synthetic.label], rows[split])
            for split, figure in figures.items()
        }


def _signed(figure: Figure, synthetic: Floats, real: Floats) -> Figure:
    """The figure, its spread with each band's difference: what there is too much, too little of."""
    difference = np.nanmean(synthetic, axis=0) - np.nanmean(real, axis=0)
    by_band = {f"dB_band_{number}": float(db) for number, db in enumerate(difference, start=1)}
    estimate = figure.synthetic
    return replace(figure, synthetic=replace(estimate, spread=estimate.spread | by_band))
