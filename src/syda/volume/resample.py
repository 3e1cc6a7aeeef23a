"""Separable, anti-aliased linear resampling: one weight matrix an axis.

A triangle as wide as the coarser of the two grids averages when it goes down and interpolates
linearly when it goes up. Weights are positive and sum to one, so no value leaves the input's range.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from syda.types import HU, Tensor32, Volume
from syda.volume import geometry


@dataclass(frozen=True)
class Axis:
    """One axis of a resampling: where its output samples lie on the input axis.

    Attributes:
        count: output samples.
        start: position of the first, in input voxels (0 is the centre of the first input voxel).
        step: distance between two, in input voxels.
    """

    count: int
    start: float
    step: float

    def positions(self) -> NDArray[np.float64]:
        """Output sample positions in input voxels, ``[count]``."""
        return self.start + self.step * np.arange(self.count, dtype=np.float64)

    def weights(self, length: int) -> NDArray[np.float32]:
        """Weight of each input voxel in each output sample, ``[count, length]``.

        Rows sum to one and none of their weights is negative; the row of a sample outside the
        input's field is zero. Where the triangle's voxels lie unevenly about a sample, it is tilted
        until their mean position is the sample's: where the field does not end, no point moves.
        """
        at = self.positions()[:, None]
        distance = np.arange(length)[None, :] - at
        reach = max(1.0, self.step)
        triangle = np.maximum(0.0, 1.0 - np.abs(distance) / reach)
        total = triangle.sum(axis=1, keepdims=True)
        inside = (at > -0.5 - 1e-9) & (at < length - 0.5 + 1e-9) & (total > 0)
        share = np.where(inside, triangle / np.where(total > 0, total, 1.0), 0.0)
        mean = (share * distance).sum(axis=1, keepdims=True)
        spread = (share * (distance - mean) ** 2).sum(axis=1, keepdims=True)
        whole = (at - reach >= -1) & (at + reach <= length) & (spread > 0)
        tilt = np.where(whole, -mean / np.where(whole, spread, 1.0), 0.0)
        weights: NDArray[np.float32] = (share * (1 + tilt * (distance - mean))).astype(np.float32)
        return weights


def along_axes(image: NDArray[np.generic], axes: Sequence[Axis], outside: float) -> Tensor32:
    """Resample an array along each of its axes.

    Args:
        image: ``[a, b, c]``, any real dtype.
        axes: one for each array axis.
        outside: value of samples outside the input's field.

    Returns:
        float32 ``[axes[0].count, axes[1].count, axes[2].count]``.
    """
    # Values are taken relative to `outside`: the zero weight rows then give it exactly.
    result = torch.from_numpy(image.astype(np.float32) - np.float32(outside))
    shrink_first = sorted(range(3), key=lambda a: axes[a].count / image.shape[a])
    for a in shrink_first:
        weights = torch.from_numpy(axes[a].weights(image.shape[a]))
        result = torch.movedim(torch.tensordot(weights, result, dims=([1], [a])), 0, a)
    return np.ascontiguousarray(result.numpy() + np.float32(outside))


def to_spacing(volume: Volume, spacing: float) -> Volume:
    """Resample a volume to an isotropic spacing on the edge-aligned grid.

    Args:
        volume: ``[i, j, k]`` int16 HU.
        spacing: mm.

    Returns:
        int16 HU, rounded to the nearest; its field differs from the input's by at most half a new
        voxel at the far faces, and its affine is exact (:func:`syda.volume.geometry.with_spacing`).
    """
    air = float(volume.hu.min())
    grid = axes(volume.hu.shape, volume.spacing, spacing)
    resampled = along_axes(volume.hu, grid, outside=air)
    return Volume(rounded(resampled), geometry.with_spacing(volume.affine, spacing))


def axes(shape: Sequence[int], old_spacing: Sequence[float], spacing: float) -> list[Axis]:
    """Return the axes of the edge-aligned grid with another, isotropic spacing.

    Args:
        shape: voxels along each axis of the input.
        old_spacing: its voxel size along each axis, mm.
        spacing: new voxel size, mm.
    """
    found = []
    for length, old in zip(shape, old_spacing, strict=True):
        count = max(1, round(length * old / spacing))
        found.append(_inside(Axis(count, (spacing / old - 1) / 2, spacing / old), length))
    return found


def _inside(axis: Axis, length: int) -> Axis:
    """Drop a last sample whose centre lies outside the field (it would be air)."""
    keep = axis.count
    while keep > 1 and axis.start + axis.step * (keep - 1) > length - 0.5:
        keep -= 1
    return Axis(keep, axis.start, axis.step)


def rounded(values: Tensor32) -> HU:
    """Round to the nearest integer HU."""
    return np.rint(values).astype(np.int16)
