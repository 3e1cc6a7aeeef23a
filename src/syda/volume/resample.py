"""Separable resampling: each new voxel is the mean of the scan over its own extent.

An input voxel weighs as much as it overlaps with the new one along each axis, which is what a
scanner with voxels of that size would have measured (partial volume), and averages detail away that
the new grid cannot hold. A new voxel smaller than the old one counts as large as that: the overlap
is then linear interpolation. Weights are positive and sum to one, so no value leaves the input's
range; their centre of mass is the new voxel's centre, so nothing moves. At the faces of the scan a
new voxel that reaches beyond them is the mean of the part inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from syda.types import HU, Tensor32, Volume
from syda.volume import geometry

_SLAB = 32
"""Planes that are resampled at a time: a whole scan in float32 would be twice its size again."""

_EPSILON = 1e-9
"""Voxels; positions that differ by less are the same."""


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

        Rows sum to one; the row of a sample outside the input's field is zero.
        """
        at = self.positions()[:, None]
        half = max(1.0, self.step) / 2
        distance = np.arange(length)[None, :] - at
        overlap = np.minimum(distance + 0.5, half) - np.maximum(distance - 0.5, -half)
        overlap = np.where(overlap > _EPSILON, overlap, 0.0)
        total = overlap.sum(axis=1, keepdims=True)
        inside = (at > -0.5 - _EPSILON) & (at < length - 0.5 + _EPSILON) & (total > 0)
        weights = np.where(inside, overlap / np.where(total > 0, total, 1.0), 0.0)
        whole = (at - half > -0.5 - _EPSILON) & (at + half < length - 0.5 + _EPSILON)
        return _centred(weights, distance, whole[:, 0]).astype(np.float32)


def _centred(
    weights: NDArray[np.float64], distance: NDArray[np.float64], rows: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Shift a little weight between the two ends of some rows, so that their mean distance is 0.

    A voxel that is covered in part pulls as if it lay there with its whole width: by at most an
    eighth of a voxel. Both ends stay positive.
    """
    used = weights > 0
    first, last = used.argmax(axis=1), used.shape[1] - 1 - used[:, ::-1].argmax(axis=1)
    rows = rows & (last > first)
    shift = (weights * distance).sum(axis=1) / np.where(last > first, last - first, 1)
    row = np.flatnonzero(rows)
    weights[row, last[row]] -= shift[row]
    weights[row, first[row]] += shift[row]
    return weights


def along_axes(image: NDArray[np.generic], axes: Sequence[Axis], outside: float) -> Tensor32:
    """Resample an array along each of its axes.

    Args:
        image: ``[a, b, c]``, any real dtype; fastest in Fortran order, as NIfTI files are.
        axes: one for each array axis.
        outside: value of samples outside the input's field.

    Returns:
        float32 ``[axes[0].count, axes[1].count, axes[2].count]``, in Fortran order.
    """
    a, b, c = (
        torch.from_numpy(axis.weights(length))
        for axis, length in zip(axes, image.shape, strict=True)
    )
    planes = image.T  # [c, b, a]
    inplane = torch.empty(len(planes), len(b), len(a))
    for first in range(0, len(planes), _SLAB):
        # Values are taken relative to `outside`: the zero weight rows then give it exactly.
        slab = planes[first : first + _SLAB].astype(np.float32, order="C") - np.float32(outside)
        inplane[first : first + _SLAB] = b @ (torch.from_numpy(slab) @ a.T)
    result = c @ inplane.flatten(1) + outside
    return np.asarray(result.numpy().reshape(len(c), len(b), len(a)).T)


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
