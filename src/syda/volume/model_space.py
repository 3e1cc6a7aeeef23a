"""Model space: the cube that the network sees, and the way from it back to HU.

The model's checklist: scale the HU window to [-1, 1] and clip, fit the longest side L (in voxels of
1.5 mm) to N with the aspect kept, pad with -1. A model voxel is therefore 1.5 x L / N mm, and L
goes along with each case. :mod:`syda.volume.transforms` is the way in.

>>> space = ModelSpace(size=8, spacing_mm=1.5, window_min=-1000, window_max=1000)
>>> space.decode(np.zeros((1, 8, 8, 8), np.float32), longest_side=16).spacing
(3.0, 3.0, 3.0)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syda.params import CtParams
from syda.types import EFFECTIVE_SPACING, SCAN_LENGTH, Tensor32, Volume
from syda.volume.resample import Axis, along_axes, rounded, to_spacing

PADDING = -1.0
"""Model-range value outside the scan: air."""

PREPROCESSING = {
    "CheckSpacing": "Each axis must have a voxel size of {spacing}.",
    "ScaleWindow": (
        "{window_min} to {window_max} is scaled to -1 to +1; values outside are clipped."
    ),
    "FitAndPad": (
        "The longest side is fitted to {size} voxels, the aspect is kept, and the rest is padded "
        "with -1."
    ),
    "Transpose": "The axes are put in the order feet to head, back to front, left to right.",
    "ToTensor": "The result is a tensor of 1 x {size} x {size} x {size} numbers.",
}
"""What each step of :func:`syda.volume.transforms.model_transforms` does, by its class. The model
card prints these sentences in section 4.2, with its own sourced values; no MONAI is imported."""

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

    @classmethod
    def of(cls, ct: CtParams) -> "ModelSpace":
        """Return the model space of section ``ct``."""
        return cls(ct.size, ct.spacing_mm, ct.window_min, ct.window_max)

    def effective_spacing(self, longest_side: int) -> float:
        """Size of a model voxel in mm, for a scan whose longest side has so many voxels."""
        return self.spacing_mm * longest_side / self.size

    def sizes_of(self, scan: Volume) -> dict[str, float]:
        """Return the size of a model voxel, which is the longest side over N, and the scan length.

        Args:
            scan: at ``spacing_mm``.
        """
        return {
            EFFECTIVE_SPACING: self.effective_spacing(scan.longest_side),
            SCAN_LENGTH: self.spacing_mm * scan.hu.shape[2],
        }

    def decode(self, image: Tensor32, longest_side: int) -> Volume:
        """Turn a model image into HU, with the true size of its voxels in the affine.

        Args:
            image: ``[1, D, H, W]`` in [-1, 1].
            longest_side: L in voxels of ``spacing_mm``.

        Returns:
            ``[i, j, k]`` int16 HU, N a side, RAS+, its centre at the world's origin.
        """
        spacing = self.effective_spacing(longest_side)
        affine = np.diag([spacing, spacing, spacing, 1.0])
        affine[:3, 3] = -spacing * (np.array(image.shape[:0:-1]) - 1) / 2
        return self._in_hu(image[0].transpose(2, 1, 0), affine)

    def decode_onto(self, image: Tensor32, scan: Volume) -> Volume:
        """Turn a model image into HU on the grid of the scan that was encoded.

        Args:
            image: ``[1, D, H, W]`` in [-1, 1].
            scan: whose shape and affine are taken, and nothing else.

        Returns:
            int16 HU with the scan's shape and affine.
        """
        axes = axes_back(scan.hu.shape, self.size)
        fitted = along_axes(image[0].transpose(2, 1, 0), axes, outside=PADDING)
        return self._in_hu(fitted, scan.affine.copy())

    def _in_hu(self, values: Tensor32, affine: NDArray[np.float64]) -> Volume:
        """Undo the scaling of the HU window."""
        half = np.float32((self.window_max - self.window_min) / 2)
        hu = (values + 1) * half + np.float32(self.window_min)
        return Volume(rounded(np.ascontiguousarray(hu)), affine)

    def physical(self, volume: Volume) -> Volume:
        """Crop the padding of a decoded image and resample it to ``spacing_mm``.

        Args:
            volume: what :meth:`decode` returned.

        Returns:
            int16 HU at ``spacing_mm``, without the planes at the six faces that show no patient. A
            volume of air is not cropped.
        """
        return to_spacing(crop_empty_planes(volume), self.spacing_mm)


def axes_to_model(shape: Sequence[int], size: int) -> list[Axis]:
    """The model's samples on the axes of a scan, centred.

    Args:
        shape: of the scan, voxels.
        size: N, voxels along each side of the model's cube.
    """
    step = max(shape) / size
    return [Axis(size, (length - 1) / 2 - step * (size - 1) / 2, step) for length in shape]


def axes_back(shape: Sequence[int], size: int) -> list[Axis]:
    """The scan's samples on the axes of the model's cube: the inverse of :func:`axes_to_model`."""
    return [
        Axis(length, -axis.start / axis.step, 1 / axis.step)
        for length, axis in zip(shape, axes_to_model(shape, size), strict=True)
    ]


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
