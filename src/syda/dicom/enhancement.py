"""Contrast agent in the voxels: how much of the even soft tissue is brighter than it is without.

Blood, kidneys and liver of an unenhanced scan stay below 85 HU, and tissue that takes up contrast
agent does not. The volume is averaged to at most 3 mm. Cubes of about 15 mm with a small standard
deviation are even: bone, bowel gas and edges are left out. docs/own-data.md has shares of scans.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syda.types import Volume

GRID_MM = 3.0
"""Largest side of an averaged voxel. A voxel that is larger already stays as it is."""

CUBE_MM = 15.0
"""Side of a cube."""

EVEN_BELOW_HU = 25.0
"""Standard deviation within an even cube."""

SOFT_TISSUE_HU = (20.0, 500.0)
"""Range of the mean of a cube of soft tissue. Fat and lung are below, metal and cortex above."""

ENHANCED_ABOVE_HU = 85.0
"""Mean of a cube above which it is enhanced."""

UNENHANCED_SHARE, ENHANCED_SHARE = 0.05, 0.2
"""Share of enhanced cubes up to which, and from which, a scan is judged. Between it is unclear."""

MIN_CUBES = 30
"""Fewest even cubes of soft tissue by which a scan is judged: 0.1 litres."""

MANY_LAYERS = 8
"""Layers of cubes from which on every second is measured, to save time."""

Averaged = NDArray[np.number[Any]]
"""HU: float32, or the int16 of the volume where nothing is averaged."""


def averaged(volume: Volume) -> tuple[Averaged, tuple[float, float, float]]:
    """Return the means of blocks of voxels of at most 3 mm a side, and their spacing in mm.

    Returns:
        HU ``[k, j, i]``, and the spacing along these axes.
    """
    spacing = volume.spacing[::-1]
    hu = volume.hu.T
    blocks = [
        min(size, max(1, int(GRID_MM / side))) for size, side in zip(hu.shape, spacing, strict=True)
    ]
    k, j, i = (side * block for side, block in zip(spacing, blocks, strict=True))
    deep = blocks[0]
    if max(blocks) == 1:
        return hu, (k, j, i)
    layers = [  # one by one, so that no second copy of the volume is in memory
        _block_means(hu[start : start + deep], blocks)
        for start in range(0, len(hu) - deep + 1, deep)
    ]
    return np.concatenate(layers), (k, j, i)


def enhanced_share(grid: Averaged, spacing: tuple[float, float, float]) -> float | None:
    """Return the share of even cubes of soft tissue that are above 85 HU.

    Args:
        grid: HU ``[k, j, i]`` of :func:`averaged`.
        spacing: of its voxels, mm.

    Returns:
        0 to 1, or None if there are too few such cubes.
    """
    sides = [max(1, round(CUBE_MM / side)) for side in spacing]
    if len(grid) >= MANY_LAYERS * sides[0]:
        grid = _every_second_layer(grid, sides[0])
    mean = _block_means(grid, sides)
    low, high = SOFT_TISSUE_HU
    soft = (mean >= low) & (mean <= high)
    k, j, i = (slice(count * side) for count, side in zip(mean.shape, sides, strict=True))
    shape = [size for pair in zip(mean.shape, sides, strict=True) for size in pair]
    cubes = grid[k, j, i].reshape(shape).transpose(0, 2, 4, 1, 3, 5)[soft].astype(np.float32)
    even = mean[soft][cubes.std(axis=(1, 2, 3)) < EVEN_BELOW_HU]
    return float((even > ENHANCED_ABOVE_HU).mean()) if even.size >= MIN_CUBES else None


def is_enhanced(share: float | None) -> bool | None:
    """Return whether a share of :func:`enhanced_share` shows contrast agent; None if unclear."""
    if share is None or UNENHANCED_SHARE < share < ENHANCED_SHARE:
        return None
    return share >= ENHANCED_SHARE


def _block_means(values: Averaged, blocks: Sequence[int]) -> Averaged:
    """Return the means of whole blocks. What is left at the far faces is not used."""
    found = values[tuple(slice(s // b * b) for s, b in zip(values.shape, blocks, strict=True))]
    for axis, block in enumerate(blocks):
        if block > 1:
            count = found.shape[axis] // block
            shape = (*found.shape[:axis], count, block, *found.shape[axis + 1 :])
            found = found.reshape(shape).mean(axis=axis + 1, dtype=np.float32)
    return found


def _every_second_layer(grid: Averaged, height: int) -> Averaged:
    whole = grid[: len(grid) // (2 * height) * 2 * height]
    return whole.reshape(-1, 2, height, *grid.shape[1:])[:, 0].reshape(-1, *grid.shape[1:])
