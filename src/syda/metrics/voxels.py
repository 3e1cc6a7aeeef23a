"""Voxel distance: how far two volumes lie apart in HU, position by position."""

import numpy as np

from syda.metrics.cohorts import Cohorts, Floats, Images, VoxelGrid

_VOXELS_AT_ONCE = 2**16


def rms_hu(cohorts: Cohorts, grid: VoxelGrid) -> Floats:
    """Root mean square difference in HU of every two volumes.

    It hardly depends on texture, so a copy with other noise stays near.

    Args:
        cohorts: volumes in the order of :meth:`.Cohorts.rows`.
        grid: the window.

    Returns:
        ``[V, V]``, symmetric, zero on the diagonal.
    """
    images = [cohort.images.reshape(len(cohort), -1) for cohort in cohorts.all()]
    voxels = images[0].shape[1]
    products = np.zeros((sum(map(len, images)),) * 2)
    for start in range(0, voxels, _VOXELS_AT_ONCE):
        some = [image[:, start : start + _VOXELS_AT_ONCE] for image in images]
        part = np.concatenate(some).astype(np.float64)
        products += part @ part.T
    lengths = products.diagonal()
    squared = (lengths[:, None] + lengths - products - products.T).clip(min=0) / voxels
    np.fill_diagonal(squared, 0)
    distances: Floats = np.sqrt(squared) * grid.hu_per_unit
    return distances


def rms_hu_between(images: Images, others: Images, grid: VoxelGrid) -> Floats:
    """Root mean square difference in HU of every volume to every other one.

    Args:
        images: ``[V, D, H, W]`` in the model range.
        others: ``[W, D, H, W]``, likewise.
        grid: the window.

    Returns:
        ``[V, W]``.

    >>> images = np.zeros((1, 4, 4, 4), np.float32)
    >>> rms_hu_between(images, images + np.float32(0.5), VoxelGrid(4, -1000, 1000))
    array([[500.]])
    """
    rows = [np.square(others - image).mean(axis=(1, 2, 3), dtype=np.float64) for image in images]
    distances: Floats = np.sqrt(rows) * grid.hu_per_unit
    return distances
