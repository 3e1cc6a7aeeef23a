"""The size of the body in axial slices, which tells an abdomen from a head or a limb."""

import numpy as np
from scipy import ndimage

from syda.dicom.enhancement import Averaged
from syda.volume.body import IN_SLICE, TISSUE_ABOVE_HU

SLICES = 5
"""Slices that are looked at, evenly spaced."""

GRID_MM = 6.0
"""Distance of the voxels that are looked at, in a slice."""

NARROW_BELOW_MM2 = 30_000
"""Area of a circle of 195 mm. Heads, limbs and small children are below, adult trunks above."""


def cross_section_mm2(grid: Averaged, spacing: tuple[float, float, float]) -> float:
    """Return the median area of the largest piece of tissue in a slice.

    Args:
        grid: HU ``[k, j, i]`` of :func:`syda.dicom.enhancement.averaged`.
        spacing: of its voxels, mm.
    """
    steps = [max(1, round(GRID_MM / side)) for side in spacing[1:]]
    chosen = np.linspace(0, len(grid) - 1, SLICES + 2).round().astype(int)[1:-1]
    tissue = grid[chosen, :: steps[0], :: steps[1]] > TISSUE_ABOVE_HU
    pieces, count = ndimage.label(tissue, IN_SLICE)
    sizes = [np.bincount(piece.ravel(), minlength=count + 1)[1:].max(initial=0) for piece in pieces]
    return float(np.median(sizes) * spacing[1] * steps[0] * spacing[2] * steps[1])


def is_narrow(area_mm2: float | None) -> bool:
    """Return whether an area of :func:`cross_section_mm2` is that of a head, limb or child."""
    return area_mm2 is not None and area_mm2 < NARROW_BELOW_MM2
