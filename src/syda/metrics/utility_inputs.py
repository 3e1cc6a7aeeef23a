"""What the regressors of utility see: blocks of volumes, and the resized mean scan."""

import numpy as np

from syda.metrics.cohorts import Floats, Images, VoxelGrid
from syda.properties.measured import BONE_FROM_HU, FAT_HU
from syda.volume.model_space import PADDING
from syda.volume.resample import Axis, along_axes

SIDE = 8
"""Blocks a side of the cube that the regressor sees the mean of."""

TISSUE_EDGES_HU = (*FAT_HU, BONE_FROM_HU)
"""HU between air, fat, soft tissue and bone."""


def features(images: Images, grid: VoxelGrid) -> Floats:
    """Means of blocks, of air, fat, soft tissue and bone.

    Each voxel is split over the bands between :data:`TISSUE_EDGES_HU`: its part of a band is the HU
    that it fills of it, over the band's width.

    Args:
        images: ``[V, D, H, W]`` in the model range.
        grid: the window.

    Returns:
        ``[V, bands x blocks]`` in [0, 1], :data:`SIDE` blocks a side.

    >>> grid = VoxelGrid(8, -1000, 1000)
    >>> features(np.full((1, 8, 8, 8), 0.06, np.float32), grid)[0, ::512].round(2).tolist()
    [1.0, 1.0, 0.5, 0.0]
    """
    edges = np.unique(
        np.clip([grid.window_min, *TISSUE_EDGES_HU, grid.window_max],
                grid.window_min, grid.window_max)
    )  # fmt: skip
    side = min(SIDE, grid.size)
    step = grid.size // side
    found = []
    for image in images:
        hu = grid.hu_above_window(image) + grid.window_min
        low, high = (ends[:, None, None, None] for ends in (edges[:-1], edges[1:]))
        bands = ((hu - low) / (high - low)).clip(0, 1)
        blocks = bands.reshape(len(bands), side, step, side, step, side, step)
        found.append(blocks.mean(axis=(2, 4, 6)).ravel())
    return np.stack(found)


def resized_mean(images: Images, zoom: Floats) -> Images:
    """Resize the mean of scans about the centre of the cube.

    Args:
        images: ``[V, D, H, W]`` in the model range.
        zoom: ``[n, 2]`` factors of each result: of the axial plane, and along the body.

    Returns:
        ``[n, D, H, W]``.
    """
    mean = images.mean(axis=0)

    def axis(length: int, factor: float) -> Axis:
        centre = (length - 1) / 2
        return Axis(length, centre - centre / factor, 1 / factor)

    return np.stack(
        [
            along_axes(
                mean,
                [axis(n, f) for n, f in zip(mean.shape, (along, plane, plane), strict=True)],
                outside=PADDING,
            )
            for plane, along in zoom
        ]
    )
