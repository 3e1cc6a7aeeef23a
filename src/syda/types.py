"""Shared types, and the one legend of axes, orientation and units.

========  =======================  ============================================================
space     array axes               world axes of the affine (mm)
========  =======================  ============================================================
NIfTI     ``[i, j, k]``, RAS+      +x patient's right, +y anterior, +z superior (NIfTI-1 RAS+)
DICOM     ``[row, column]`` slice  +x patient's left, +y posterior, +z superior (PS3.3 C.7.6.2)
tensor    ``[C, D, H, W]``         D = k, H = j, W = i of the NIfTI array
========  =======================  ============================================================

HU are int16 in files. The model range is [-1, 1] = [``ct.window_min``, ``ct.window_max``] HU.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HU = NDArray[np.int16]
"""Voxels in Hounsfield units, ``[i, j, k]``."""

Affine = NDArray[np.float64]
"""``[4, 4]``, voxel index to RAS+ world position in mm."""

Tensor32 = NDArray[np.float32]
"""Model-range voxels, ``[C, D, H, W]``."""

EFFECTIVE_SPACING = "effective_spacing_mm"
"""Name of the size of a model voxel, mm, among the properties."""

SCAN_LENGTH = "scan_length_mm"
"""Name of the length of the field of view, feet to head, among the properties."""

Attribute = str | float | bool | None
"""A value that may leave ``convert``: de-identified, or None where the source is silent."""


@dataclass(frozen=True)
class Volume:
    """A scan in space.

    Attributes:
        hu: ``[i, j, k]`` int16 Hounsfield units, RAS+ order.
        affine: ``[4, 4]`` voxel index to RAS+ mm.
    """

    hu: HU
    affine: Affine

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size along i, j, k in mm: the column norms of the affine."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def longest_side(self) -> int:
        """L: voxels along the longest side."""
        return int(max(self.hu.shape))


@dataclass(frozen=True)
class Case:
    """Who and what a volume is, without anything that identifies a person.

    Attributes:
        case: keyed hash of patient and series.
        patient: keyed hash of the patient; the split is decided on it.
        attributes: allow-listed facts of the acquisition (``syda.dicom.attributes``).
    """

    case: str
    patient: str
    attributes: dict[str, Attribute]


@dataclass(frozen=True)
class Properties:
    """What :mod:`syda.properties.measured` measures in an image; None where that is impossible.

    Attributes:
        body_width_mm: of the body, left to right.
        body_depth_mm: of the body, front to back.
        fat_share: share of the body's volume that is fat, 0 to 1.
        bone_share: share of the body's volume that is bone, 0 to 1.
        noise_hu: standard deviation of the noise in soft tissue, HU.
        scan_length_mm: of the field of view, feet to head.
    """

    body_width_mm: float | None = None
    body_depth_mm: float | None = None
    fat_share: float | None = None
    bone_share: float | None = None
    noise_hu: float | None = None
    scan_length_mm: float | None = None
