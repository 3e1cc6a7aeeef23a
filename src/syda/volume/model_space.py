"""Model space: HU at 1.5 mm to [-1, 1] at N^3 and back. Training, evaluation and inference use it.

The model's checklist: scale the HU window to [-1, 1] and clip, fit the longest side L (in voxels of
1.5 mm) to N with the aspect kept, pad with -1. A model voxel is therefore 1.5 x L / N mm, and L
travels with each case.
"""

from dataclasses import dataclass

import numpy as np

from syda.types import HU, Tensor32, Volume
from syda.volume import geometry
from syda.volume.resample import Axis, along_axes, rounded, to_spacing

PADDING = -1.0
"""Model-range value outside the scan: air."""

EMPTY_BELOW_HU = -900
"""A plane whose every voxel lies below this shows no patient: padding to crop."""


@dataclass(frozen=True)
class ModelSpace:
    """The cube that the network sees.

    Attributes:
        size: N, voxels a side.
        spacing_mm: of the scans that go in, mm.
        window_min: HU at -1.
        window_max: HU at +1.
    """

    size: int
    spacing_mm: float
    window_min: int
    window_max: int

    def effective_spacing(self, longest_side: int) -> float:
        """Size of a model voxel in mm, for a scan whose longest side has so many voxels."""
        return self.spacing_mm * longest_side / self.size

    def to_model_range(self, hu: HU) -> Tensor32:
        """Scale the HU window to [-1, 1] and clip."""
        half = (self.window_max - self.window_min) / 2
        scaled = (hu.astype(np.float32) - np.float32(self.window_min)) / np.float32(half) - 1
        clipped: Tensor32 = np.clip(scaled, -1, 1)
        return clipped

    def encode(self, volume: Volume) -> tuple[Tensor32, int]:
        """Scale, fit and pad a scan.

        Args:
            volume: ``[i, j, k]`` int16 HU at ``spacing_mm``, RAS+.

        Returns:
            ``[1, D, H, W]`` in [-1, 1] with D = k, H = j, W = i, centred, and L in voxels.

        Raises:
            ValueError: the scan's spacing is not ``spacing_mm``.
        """
        if not geometry.is_isotropic(volume, self.spacing_mm):
            raise ValueError(f"spacing {volume.spacing} mm, expected {self.spacing_mm} mm")
        longest = max(volume.hu.shape)
        axes = [self._axis(length, longest) for length in volume.hu.shape]
        fitted = along_axes(self.to_model_range(volume.hu), axes, outside=PADDING)
        return np.ascontiguousarray(fitted.transpose(2, 1, 0)[None]), longest

    def decode(self, image: Tensor32, longest_side: int) -> Volume:
        """Turn a model image into HU, with the true size of its voxels in the affine.

        Args:
            image: ``[1, D, H, W]`` in [-1, 1].
            longest_side: L in voxels of ``spacing_mm``.

        Returns:
            ``[i, j, k]`` int16 HU, N a side, RAS+, its centre at the world's origin.
        """
        half = (self.window_max - self.window_min) / 2
        hu = (image[0].transpose(2, 1, 0) + 1) * half + self.window_min
        spacing = self.effective_spacing(longest_side)
        affine = np.diag([spacing, spacing, spacing, 1.0])
        affine[:3, 3] = -spacing * (np.array(hu.shape) - 1) / 2
        return Volume(rounded(np.ascontiguousarray(hu)), affine)

    def decode_onto(self, image: Tensor32, scan: Volume) -> Volume:
        """Turn a model image into HU on the grid of the scan that :meth:`encode` took.

        Args:
            image: ``[1, D, H, W]`` in [-1, 1].
            scan: whose shape and affine are taken, and nothing else.

        Returns:
            int16 HU with the scan's shape and affine.
        """
        longest = max(scan.hu.shape)
        there = [self._axis(length, longest) for length in scan.hu.shape]
        back = [
            Axis(length, -axis.start / axis.step, 1 / axis.step)
            for length, axis in zip(scan.hu.shape, there, strict=True)
        ]
        fitted = along_axes(image[0].transpose(2, 1, 0), back, outside=PADDING)
        half = (self.window_max - self.window_min) / 2
        hu = (fitted + 1) * np.float32(half) + np.float32(self.window_min)
        return Volume(rounded(np.ascontiguousarray(hu)), scan.affine.copy())

    def _axis(self, length: int, longest: int) -> Axis:
        """The model's samples on an axis of a scan, centred."""
        step = longest / self.size
        return Axis(self.size, (length - 1) / 2 - step * (self.size - 1) / 2, step)

    def physical(self, volume: Volume) -> Volume:
        """Crop the padding of a decoded image and resample it to ``spacing_mm``.

        Args:
            volume: what :meth:`decode` returned.

        Returns:
            int16 HU at ``spacing_mm``; planes without patient at the six faces are gone. A volume
            that is air throughout is not cropped.
        """
        return to_spacing(crop_empty_planes(volume), self.spacing_mm)


def crop_empty_planes(volume: Volume) -> Volume:
    """Drop the outer planes whose every voxel is below :data:`EMPTY_BELOW_HU`."""
    patient = volume.hu >= EMPTY_BELOW_HU
    if not patient.any():
        return volume
    slices, first = [], np.zeros(3)
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        filled = np.flatnonzero(patient.any(axis=others))
        first[axis] = filled[0]
        slices.append(slice(filled[0], filled[-1] + 1))
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ first
    return Volume(np.ascontiguousarray(volume.hu[tuple(slices)]), affine)
