"""Axes and orientation: DICOM's LPS, NIfTI's RAS+, and reordering without interpolation.

Source: DICOM PS3.3 C.7.6.2.1.1 (patient-based coordinate system, LPS); NIfTI-1 (RAS+).
"""

import nibabel as nib
import numpy as np

from syda.types import HU, Affine, Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Turns a DICOM patient position into a NIfTI world position; its own inverse."""

ISOTROPY_TOLERANCE_MM = 1e-3
"""Two spacings closer than this are the same spacing."""


def to_ras(hu: HU, affine: Affine) -> Volume:
    """Flip and transpose an array so that its axes run closest to +R, +A, +S.

    No voxel is interpolated, none changes its world position, and none is copied.

    >>> upright = to_ras(np.zeros((4, 3, 2), np.int16), np.diag([-2.0, -2.0, 5.0, 1.0]))
    >>> orientation_code(upright.affine), upright.affine[:3, 3].tolist()
    ('RAS', [-6.0, -4.0, 0.0])

    Args:
        hu: ``[a, b, c]`` in any orientation.
        affine: ``[4, 4]``, its voxel index to RAS+ mm.
    """
    orientation = nib.orientations.io_orientation(affine)
    reordered = nib.orientations.apply_orientation(hu, orientation)
    moved: Affine = affine @ nib.orientations.inv_ornt_aff(orientation, hu.shape)
    return Volume(reordered, moved)


def orientation_code(affine: Affine) -> str:
    """Where the three array axes point, e.g. ``RAS``; ``?`` for one that points nowhere."""
    return "".join(code or "?" for code in nib.orientations.aff2axcodes(affine))


def with_spacing(affine: Affine, spacing: float) -> Affine:
    """Return the affine of the edge-aligned grid with another, isotropic spacing.

    The outer faces of the first voxel stay where they are:
    ``origin' = origin + D (spacing' / 2 - spacing / 2)``, D the unit direction columns.

    Args:
        affine: ``[4, 4]``, voxel index to RAS+ mm.
        spacing: new voxel size in mm.
    """
    old = np.linalg.norm(affine[:3, :3], axis=0)
    direction = affine[:3, :3] / old
    moved = np.eye(4)
    moved[:3, :3] = direction * spacing
    moved[:3, 3] = affine[:3, 3] + direction @ ((spacing - old) / 2)
    return moved


def is_isotropic(volume: Volume, spacing: float) -> bool:
    """Whether every axis of the volume has this spacing (mm)."""
    return all(abs(s - spacing) <= ISOTROPY_TOLERANCE_MM for s in volume.spacing)
