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
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from syda.types import HU, Tensor32, Volume
from syda.volume import geometry

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

    A sum of products for each voxel, in one order: the same bytes on every processor, which a
    matrix product does not promise.

    Args:
        image: ``[a, b, c]``, any real dtype; fastest in Fortran order, as NIfTI files are.
        axes: one for each array axis.
        outside: value of samples outside the input's field.

    Returns:
        float32 ``[axes[0].count, axes[1].count, axes[2].count]``, in Fortran order.
    """
    a, b, c = (
        _Band.of(axis.weights(length)) for axis, length in zip(axes, image.shape, strict=True)
    )
    planes = image.T  # [c, b, a]

    @lru_cache(maxsize=c.width)
    def plane(number: int) -> Tensor32:
        # Values are taken relative to `outside`: weights of zero then give it exactly.
        relative: Tensor32 = np.subtract(
            planes[number], np.float32(outside), dtype=np.float32, order="C"
        )
        return relative

    result = np.empty((len(c.first), len(b.first), len(a.first)), np.float32)
    for target, first, weights in zip(result, c.first, c.weights, strict=True):
        mean = weights[0] * plane(first)
        for tap in range(1, c.width):
            if weights[tap]:
                mean += weights[tap] * plane(first + tap)
        target[:] = a.along(b.along(mean, 0), 1)
    result += np.float32(outside)
    return np.asarray(result.T)


@dataclass(frozen=True)
class _Band:
    """Weights without their zeros: those of ``width`` neighbours in each output sample.

    Attributes:
        first: input voxel that the first weight is of, ``[count]``.
        weights: ``[count, width]``.
    """

    first: NDArray[np.intp]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, weights: NDArray[np.float32]) -> "_Band":
        """Pack weights ``[count, length]``."""
        used = weights != 0
        length = used.shape[1]
        first, last = used.argmax(axis=1), length - 1 - used[:, ::-1].argmax(axis=1)
        width = int(np.where(used.any(axis=1), last - first + 1, 1).max())
        first = np.minimum(first, length - width)
        neighbours = first[:, None] + np.arange(width)
        return cls(first, np.take_along_axis(weights, neighbours, axis=1))

    @property
    def width(self) -> int:
        """Most input voxels that an output sample is made of."""
        return int(self.weights.shape[1])

    def along(self, plane: Tensor32, axis: int) -> Tensor32:
        """Resample a plane along one of its two axes."""
        shape = (-1, 1) if axis == 0 else (1, -1)
        mean = plane.take(self.first, axis)
        mean *= self.weights[:, 0].reshape(shape)
        for tap in range(1, self.width):
            mean += plane.take(self.first + tap, axis) * self.weights[:, tap].reshape(shape)
        return mean


def to_spacing(volume: Volume, spacing: float) -> Volume:
    """Resample a volume to an isotropic spacing on the edge-aligned grid.

    Args:
        volume: ``[i, j, k]`` int16 HU.
        spacing: mm.

    >>> scan = Volume(np.zeros((8, 8, 3), np.int16), np.diag([0.75, 0.75, 5.0, 1.0]))
    >>> resampled = to_spacing(scan, 1.5)
    >>> resampled.hu.shape, resampled.spacing
    ((4, 4, 10), (1.5, 1.5, 1.5))

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
