"""The body in the model's cube, and histograms inside it, which several metrics share.

Padding and the air around a patient fill most of a cube and are alike in all cubes. They would hide
what happens inside the body.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from syda.metrics.cohorts import Cohorts, Floats, Images, VoxelGrid
from syda.metrics.histograms import histogram
from syda.runtime import progress
from syda.volume.body import TISSUE_ABOVE_HU, Mask, filled, largest_piece

PROTOCOL: dict[str, Any] = {
    "voxels": "those of the body",
    "body": f"largest connected piece above {TISSUE_ABOVE_HU} HU, and what it encloses in a slice",
}


def body(hu: Floats) -> Mask:
    """Return the body: the largest piece of tissue, and what it encloses in an axial slice.

    Lungs and gas in the bowel belong to it. Nothing is left of a thin table, whose voxels are more
    air than tissue.

    Args:
        hu: ``[D, H, W]``, slices along D.
    """
    return filled(largest_piece(hu > TISSUE_ABOVE_HU))


def gradient(hu: Floats) -> Floats:
    """Length of the gradient in HU per voxel, by central differences.

    Beyond the cube's faces the values at the faces are repeated.

    Args:
        hu: ``[D, H, W]``.

    >>> x = np.broadcast_to(np.arange(4.0) * 10, (4, 4, 4))
    >>> gradient(x)[1, 1].tolist()
    [5.0, 10.0, 10.0, 5.0]
    """
    slopes = np.array(np.gradient(np.pad(hu, 1, mode="edge")))[:, 1:-1, 1:-1, 1:-1]
    length: Floats = np.sqrt((slopes**2).sum(axis=0))
    return length


@dataclass(frozen=True)
class BodyHistograms:
    """Histograms inside the bodies of V volumes; NaN for a volume without a body.

    Attributes:
        hu: ``[V, bins]`` share of the body's voxels at each whole HU of the window.
        gradient: ``[V, bins]`` share at each whole HU per voxel from 0 on.
    """

    hu: Floats
    gradient: Floats


def body_histograms(images: Images, grid: VoxelGrid, label: str) -> BodyHistograms:
    """Find the bodies and count.

    Args:
        images: ``[V, D, H, W]`` in the model range.
        grid: the window.
        label: of the progress bar.
    """
    width = grid.window_max - grid.window_min
    steepest = int(np.ceil(width / 2 * np.sqrt(3)))
    found = BodyHistograms(
        np.full((len(images), width + 1), np.nan), np.full((len(images), steepest + 1), np.nan)
    )
    volumes = progress.track(images, len(images), f"bodies {label}", "volumes")
    for number, image in enumerate(volumes):
        above = grid.hu_above_window(image)
        within = body(above + grid.window_min)
        if within.any():
            found.hu[number] = histogram(above[within], width + 1)
            found.gradient[number] = histogram(gradient(above)[within], steepest + 1)
    return found


class BodyHistogramCache:
    """Histograms of an evaluation's volumes, computed once for all metrics."""

    def __init__(self, grid: VoxelGrid) -> None:
        self._grid = grid
        self._latest: tuple[Cohorts, dict[str, BodyHistograms]] | None = None

    def of(self, cohorts: Cohorts) -> dict[str, BodyHistograms]:
        """Return histograms of all volumes, by the label of their cohort."""
        if self._latest is None or self._latest[0] is not cohorts:
            found = {c.label: body_histograms(c.images, self._grid, c.label) for c in cohorts.all()}
            self._latest = cohorts, found
        return self._latest[1]
