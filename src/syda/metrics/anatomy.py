"""Anatomical measures of a volume, relative to the body itself: no voxel size is needed.

All are measured from HU, without labels or a trained network. A volume without a body has the worst
value of each measure.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from syda.metrics.cohorts import Cohort, Floats, Images, VoxelGrid
from syda.metrics.outline import downsample, middle_and_size, outline, span
from syda.metrics.vertebrae import vertebrae
from syda.properties.measured import BONE_FROM_HU, FAT_HU, SOFT_HU
from syda.volume.body import TISSUE_ABOVE_HU, Mask, largest_piece

SPINE_SLICES = 0.6
"""Upper share of the body's slices in which the spine is followed: it ends in the pelvis."""

SPINE_HALF_WIDTH = 0.15
"""Largest distance of the spine from the middle of the outline, in widths of the body."""

LIVER_SLICES = 0.5
"""Upper share of the body's slices in which the liver is searched: pelvis and thighs lie below."""

_TOUCHING = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class Anatomy:
    """Measures of one volume.

    Attributes:
        body_share: share of the cube that is body: the largest connected piece of tissue.
        whole_share: share of the tissue (denser than -500 HU) that belongs to that piece.
        spine_share: share of the upper slices that one connected piece of bone passes, near the
            middle of the outline and in its back half.
        liver_balance: of soft tissue a coarse voxel and more below its surface, in the upper
            slices: (right - left) / (right + left).
        liver_share: share of the upper slices' outlines that is such tissue on the right.
        area_jump: largest change of the outline's area from a slice to the next, relative to the
            larger of both.
        shift: largest move of the outline's centroid from a slice to the next, in widths of the
            body.
        vertebra_regularity: how regularly bone alternates along the spine
            (:func:`~.vertebrae.vertebrae`).
        vertebra_contrast: by how much it does, HU.
        bone_share: share of bone within the outlines; None without a body.
        fat_share: likewise of fat.
    """

    body_share: float = 0.0
    whole_share: float = 0.0
    spine_share: float = 0.0
    liver_balance: float = 0.0
    liver_share: float = 0.0
    area_jump: float = 1.0
    shift: float = 1.0
    vertebra_regularity: float = 0.0
    vertebra_contrast: float = 0.0
    bone_share: float | None = None
    fat_share: float | None = None


def measure(hu: Floats) -> Anatomy:
    """Measure a volume.

    Body, spine and liver are measured in the downsampled volume (:func:`~.outline.downsample`);
    slices and shares are measured in the volume as it is.

    Args:
        hu: ``[D, H, W]`` HU; D = k (feet to head), H = j (back to front), W = i (left to right of
            the patient), as :class:`syda.metrics.cohorts.Cohort` has them.

    >>> measure(np.full((8, 8, 8), -1000.0)) == Anatomy()
    True
    """
    body, low = outline(hu), downsample(hu)
    rough = outline(low)
    if not body.any() or not rough.any():
        return Anatomy()
    body_share, whole_share = _largest_piece(low)
    liver_balance, liver_share = _liver(low, rough)
    area_jump, shift = _jumps(body)
    regularity, contrast = vertebrae(hu)
    inside = hu[body]
    return Anatomy(
        body_share=body_share,
        whole_share=whole_share,
        spine_share=_spine(low, rough),
        liver_balance=liver_balance,
        liver_share=liver_share,
        area_jump=area_jump,
        shift=shift,
        vertebra_regularity=regularity,
        vertebra_contrast=contrast,
        bone_share=float((inside >= BONE_FROM_HU).mean()),
        fat_share=float(((inside >= FAT_HU[0]) & (inside <= FAT_HU[1])).mean()),
    )


def _largest_piece(hu: Floats) -> tuple[float, float]:
    """Share of the cube, and of all tissue, that the largest connected piece of tissue has."""
    tissue = hu > TISSUE_ABOVE_HU
    size = largest_piece(tissue).sum()
    return float(size / hu.size), float(size / tissue.sum())


def _spine(hu: Floats, body: Mask) -> float:
    """Share of the upper slices that the longest piece of bone at the spine's position passes.

    The outermost slices are left out: blocks of voxels there hold padding.
    """
    whole = span(body)
    inner = range(whole.start + 1, whole.stop - 1)
    upper = slice(inner.stop - max(1, round(SPINE_SLICES * len(inner))), inner.stop)
    hu, body = hu[upper], body[upper]
    bone = np.zeros_like(body)
    rows, columns = np.indices(body.shape[1:])
    for k in np.flatnonzero(body.any(axis=(1, 2))):
        middle, width = middle_and_size(body[k].any(axis=0))
        half_way, _ = middle_and_size(body[k].any(axis=1))
        region = (np.abs(columns - middle) <= SPINE_HALF_WIDTH * width) & (rows < half_way)
        bone[k] = body[k] & region & (hu[k] >= BONE_FROM_HU)
    pieces, _ = ndimage.label(bone, _TOUCHING)
    runs = [piece[0].stop - piece[0].start for piece in ndimage.find_objects(pieces)]
    return max(runs, default=0) / len(body)


def _liver(hu: Floats, body: Mask) -> tuple[float, float]:
    """Balance of right against left, and share of the right, of deep soft tissue.

    One voxel below the surface of soft tissue, muscle wall, bowel and vessels are gone. Most of the
    rest is liver; spleen, stomach and heart are smaller.
    """
    whole = span(body)
    upper = slice(whole.stop - round(LIVER_SLICES * (whole.stop - whole.start)), whole.stop)
    soft = body & (hu >= SOFT_HU[0]) & (hu <= SOFT_HU[1])
    deep = ndimage.binary_erosion(soft, _TOUCHING)[upper].sum(axis=(0, 1))
    outlines = body[upper].sum(axis=(0, 1))
    column = np.arange(len(deep))
    middle = (outlines * column).sum() / outlines.sum()
    right, left = int(deep[column > middle].sum()), int(deep[column < middle].sum())
    return (right - left) / max(1, right + left), right / int(outlines.sum())


def _jumps(body: Mask) -> tuple[float, float]:
    """Largest relative change of area, and largest shift in widths, from a slice to the next."""
    body = body[span(body)]
    area = body.sum(axis=(1, 2))
    across, along = body.sum(axis=1), body.sum(axis=2)
    larger = np.maximum(area[1:], area[:-1]).clip(min=1)
    area_jump = float((np.abs(np.diff(area)) / larger).max())
    seen = area > 0
    width = np.median([middle_and_size(row > 0)[1] for row in across[seen]])
    centre = np.array(
        [(shadow[seen] @ np.arange(shadow.shape[1])) / area[seen] for shadow in (across, along)]
    )
    return area_jump, float(np.hypot(*np.diff(centre)).max() / width)


class AnatomyCache:
    """Measures of the volumes of a cohort, computed once for all metrics."""

    def __init__(self, grid: VoxelGrid) -> None:
        self._grid = grid
        self._measured: list[tuple[Cohort, list[Anatomy]]] = []

    def of(self, cohort: Cohort) -> list[Anatomy]:
        """Return the measures of each volume of a cohort, in its order."""
        for measured, found in self._measured:
            if measured is cohort:
                return found
        found = [measure(self._hu(image)) for image in cohort.images]
        self._measured.append((cohort, found))
        return found

    def _hu(self, image: Images) -> Floats:
        """``[D, H, W]`` of the model range in whole HU."""
        hu: Floats = np.rint(self._grid.hu_above_window(image)) + self._grid.window_min
        return hu
