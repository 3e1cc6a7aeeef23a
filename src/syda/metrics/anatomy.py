"""What a volume shows of a body's build, in shares of the body itself: no voxel size is needed.

Everything is measured from HU, without labels or a trained network. A volume without a body has the
worst value of each measure.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from syda.metrics.cohorts import Cohort, Floats, Grid, Images
from syda.metrics.outline import coarse, middle_and_size, outline, span
from syda.volume.body import TISSUE_ABOVE_HU, Mask, largest_piece
from syda.volume.properties import BONE_FROM_HU, FAT_HU, SOFT_HU

SPINE_SLICES = 0.6
"""Upper share of the body's slices that the spine is followed through: it ends in the pelvis."""

SPINE_HALF_WIDTH = 0.15
"""Of the body's width: the spine lies no farther from the middle of the outline."""

LIVER_SLICES = 0.5
"""Upper share of the body's slices in which the liver is looked for: below lie seat and thighs."""

_TOUCHING = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class Anatomy:
    """What one volume shows.

    Attributes:
        body_share: of the cube, that is the body: the largest connected piece of tissue.
        whole_share: of the tissue (denser than -500 HU), that belongs to that piece.
        spine_share: of the upper slices, that one connected piece of bone runs through, near the
            middle of the outline and in its back half.
        liver_balance: of soft tissue a coarse voxel and more below its surface, in the upper
            slices: (right - left) / (right + left).
        liver_share: of the upper slices' outlines, that is such tissue on the right.
        area_jump: largest change of the outline's area from a slice to the next, relative to the
            larger of both.
        shift: largest move of the outline's centroid from a slice to the next, in widths of the
            body.
        bone_share: of what the outlines hold, that is bone; None without a body.
        fat_share: likewise fat.
    """

    body_share: float = 0.0
    whole_share: float = 0.0
    spine_share: float = 0.0
    liver_balance: float = 0.0
    liver_share: float = 0.0
    area_jump: float = 1.0
    shift: float = 1.0
    bone_share: float | None = None
    fat_share: float | None = None


def measure(hu: Floats) -> Anatomy:
    """Measure a volume.

    One body, spine and liver are looked for in the coarse volume (:func:`~.outline.coarse`), slices
    and shares in the volume as it is.

    Args:
        hu: ``[D, H, W]`` HU; D = k (feet to head), H = j (back to front), W = i (left to right of
            the patient), as :class:`syda.metrics.cohorts.Cohort` has them.
    """
    body, low = outline(hu), coarse(hu)
    rough = outline(low)
    if not body.any() or not rough.any():
        return Anatomy()
    body_share, whole_share = _largest_piece(low)
    liver_balance, liver_share = _liver(low, rough)
    area_jump, shift = _jumps(body)
    inside = hu[body]
    return Anatomy(
        body_share=body_share,
        whole_share=whole_share,
        spine_share=_spine(low, rough),
        liver_balance=liver_balance,
        liver_share=liver_share,
        area_jump=area_jump,
        shift=shift,
        bone_share=float((inside >= BONE_FROM_HU).mean()),
        fat_share=float(((inside >= FAT_HU[0]) & (inside <= FAT_HU[1])).mean()),
    )


def _largest_piece(hu: Floats) -> tuple[float, float]:
    """Share of the cube, and of all tissue, that the largest connected piece of tissue has."""
    tissue = hu > TISSUE_ABOVE_HU
    size = largest_piece(tissue).sum()
    return float(size / hu.size), float(size / tissue.sum())


def _spine(hu: Floats, body: Mask) -> float:
    """Share of the upper slices that the longest piece of bone in the spine's place runs through.

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
        place = (np.abs(columns - middle) <= SPINE_HALF_WIDTH * width) & (rows < half_way)
        bone[k] = body[k] & place & (hu[k] >= BONE_FROM_HU)
    pieces, _ = ndimage.label(bone, _TOUCHING)
    runs = [piece[0].stop - piece[0].start for piece in ndimage.find_objects(pieces)]
    return max(runs, default=0) / len(body)


def _liver(hu: Floats, body: Mask) -> tuple[float, float]:
    """Balance of right against left, and share of the right, of deep soft tissue.

    A voxel and more below its surface muscle wall, bowel and vessels are gone. What remains is
    liver above all, the rest spleen, stomach and heart.
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


class Anatomist:
    """Looks at every volume of a cohort, once for all that asks for it."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._seen: list[tuple[Cohort, list[Anatomy]]] = []

    def of(self, cohort: Cohort) -> list[Anatomy]:
        """Return what each volume of a cohort shows, in its order."""
        for known, found in self._seen:
            if known is cohort:
                return found
        found = [measure(self._hu(image)) for image in cohort.images]
        self._seen.append((cohort, found))
        return found

    def _hu(self, image: Images) -> Floats:
        """``[D, H, W]`` of the model range in whole HU."""
        level = np.rint((image.astype(np.float64) + 1) * self.grid.hu_per_unit)
        hu: Floats = level + self.grid.window_min
        return hu
