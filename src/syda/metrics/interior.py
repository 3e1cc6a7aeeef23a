"""The body in the model's cube, and what fills it, in one pass that several metrics share.

Padding and the air around a patient are most of a cube and the same in all of them; what is counted
inside the body alone does not drown in them.
"""

from dataclasses import dataclass

import numpy as np

from syda.metrics.cohorts import Cohorts, Floats, Grid, Images
from syda.metrics.hu_histogram import histogram
from syda.runtime import progress
from syda.volume.body import TISSUE_ABOVE_HU, Mask, filled, largest_piece

PROTOCOL = {
    "voxels": "those of the body",
    "body": f"largest connected piece above {TISSUE_ABOVE_HU} HU, and what it encloses in a slice",
}


def body(hu: Floats) -> Mask:
    """Where the body is: the largest piece of tissue, and what it encloses in an axial slice.

    Lungs and gas in the bowel belong to it; of a thin table nothing is left, as its voxels are more
    air than tissue.

    Args:
        hu: ``[D, H, W]``, slices along D.
    """
    return filled(largest_piece(hu > TISSUE_ABOVE_HU))


def gradient(hu: Floats) -> Floats:
    """Length of the gradient in HU per voxel, by central differences.

    Beyond the cube's faces a volume goes on as it is at them.

    Args:
        hu: ``[D, H, W]``.
    """
    slopes = np.array(np.gradient(np.pad(hu, 1, mode="edge")))[:, 1:-1, 1:-1, 1:-1]
    length: Floats = np.sqrt((slopes**2).sum(axis=0))
    return length


@dataclass(frozen=True)
class Inside:
    """What fills the bodies of V volumes; NaN where a volume shows no body.

    Attributes:
        hu: ``[V, bins]`` share of the body's voxels at each whole HU of the window.
        gradient: ``[V, bins]`` share at each whole HU per voxel from 0 on.
    """

    hu: Floats
    gradient: Floats


def look(images: Images, grid: Grid, label: str) -> Inside:
    """Find the bodies and count.

    Args:
        images: ``[V, D, H, W]`` in the model range.
        grid: the window.
        label: of the progress bar.
    """
    width = grid.window_max - grid.window_min
    steepest = int(np.ceil(width / 2 * np.sqrt(3)))
    found = Inside(
        np.full((len(images), width + 1), np.nan), np.full((len(images), steepest + 1), np.nan)
    )
    volumes = progress.track(images, len(images), f"bodies {label}", "volumes")
    for number, image in enumerate(volumes):
        above = (image.astype(np.float64) + 1) * grid.hu_per_unit
        within = body(above + grid.window_min)
        if within.any():
            found.hu[number] = histogram(above[within], width + 1)
            found.gradient[number] = histogram(gradient(above)[within], steepest + 1)
    return found


class Interior:
    """The bodies of an evaluation's volumes, at which every metric of them looks only once."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._latest: tuple[Cohorts, dict[str, Inside]] | None = None

    def of(self, cohorts: Cohorts) -> dict[str, Inside]:
        """Look at all volumes, by the label of their cohort; at the same cohorts only once."""
        if self._latest is None or self._latest[0] is not cohorts:
            found = {c.label: look(c.images, self.grid, c.label) for c in cohorts.all()}
            self._latest = cohorts, found
        return self._latest[1]
