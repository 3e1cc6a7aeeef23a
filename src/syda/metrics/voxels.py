"""Voxel distance: how far two volumes lie apart in HU, position by position."""

import numpy as np

from syda.metrics.cohorts import Cohorts, Floats, Grid

_VOXELS_AT_ONCE = 2**16


def rms_hu(cohorts: Cohorts, grid: Grid) -> Floats:
    """Root mean square difference in HU of every two volumes.

    Unlike a network's features it hardly heeds texture, so a copy in other noise stays near.

    Args:
        cohorts: volumes in the order of :meth:`syda.metrics.perception.Perception.rows`.
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
