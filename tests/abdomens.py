"""Abdomens of the phantom straight on the model's grid: no scanner, no resampling."""

import numpy as np

from syda.metrics.cohorts import VoxelGrid
from syda.phantom import anatomy
from syda.phantom.shapes import Canvas
from syda.phantom.subject import sample_subject

GRID = VoxelGrid(32, -1000, 1000)
VOXEL_MM = 13.0
HEIGHT = 16
"""Slices of the body, in the middle of the cube."""

NOISE_HU = 8.0


def abdomens(count: int, seed: int) -> np.ndarray:
    """Different patients ``[count, 32, 32, 32]`` in the model range, air above and below."""
    rng = np.random.default_rng(seed)
    axis = (np.arange(GRID.size) - (GRID.size - 1) / 2) * VOXEL_MM
    inside = slice((GRID.size - HEIGHT) // 2, (GRID.size + HEIGHT) // 2)
    hu = np.full((count, *[GRID.size] * 3), -1000.0)
    for volume in hu:
        canvas = Canvas(axis, axis, axis[inside], edge=VOXEL_MM)
        anatomy.paint(canvas, sample_subject(rng, "HFS"), rng)
        volume[inside] = canvas.hu
    hu += rng.normal(0, NOISE_HU, hu.shape)
    return (np.rint(np.clip(hu, -1000, 1000)) / 1000).astype(np.float32)
