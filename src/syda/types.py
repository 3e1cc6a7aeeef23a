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
