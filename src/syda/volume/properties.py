"""Properties of a scan that the image alone tells, without labels.

The *body* is the largest connected piece of what is denser than -500 HU, seen in samples 4.5 mm
apart and once in-plane parts less than two samples thick are cut: that takes the shell of the
table, blankets and tubes away. What it encloses within a slice (lungs, gas) is part of it; so is an
arm that lies against it.

Counts and sums are integers, so that the same voxels give the same numbers on any machine.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from syda.types import HU, Properties, Volume
from syda.volume.body import IN_SLICE, TISSUE_ABOVE_HU, Mask, filled, largest_piece

FAT_HU = (-190, -30)
"""Adipose tissue: Sjostrom, Kvist, Cederblad and Tylen, Am. Journal of Physiology 250, 1986."""

BONE_FROM_HU = 150
"""Above blood and organs without contrast agent (below 80 HU) and their noise, below the marrow of
a normal first lumbar vertebra (above 160 HU: Pickhardt et al., Annals of Internal Medicine 158,
2013). Contrast agent in vessels or bowel and metal count as bone."""

SOFT_HU = (0, 150)
"""Soft tissue, the liver of a portal venous phase included."""

_SAMPLE_MM = 4.5
_BLOCK_MM = 12.0
_FEWEST_BLOCKS = 50
_TWO_THICK = np.ones((1, 2, 2), bool)


def measure(volume: Volume) -> Properties:
    """Measure a scan.

    - ``body_width_mm``, ``body_depth_mm``: extent of the body along i and j, the median over the
      slices that show it; precise to a voxel, but tissue within 6 mm of the body counts.
    - ``fat_share``, ``bone_share``: share of the body's volume within :data:`FAT_HU`, and from
      :data:`BONE_FROM_HU` on, counted at points 4.5 mm apart.
    - ``noise_hu``: the most frequent standard deviation among in-plane blocks of about 12 mm whose
      mean is soft tissue; edges and texture make rarer, larger ones. After Christianson et al.,
      American Journal of Roentgenology 205, 2015 (global noise level). It is the noise of this
      image: resampling has averaged that of the scanner.
    - ``scan_length_mm``: length of the field along k.

    Args:
        volume: ``[i, j, k]`` int16 HU, RAS+, any spacing.

    Returns:
        None for the body's properties where there is no body, and for the noise where fewer than 50
        blocks are soft tissue.
    """
    i, j, k = volume.spacing
    step = [max(1, round(_SAMPLE_MM / size)) for size in volume.spacing]
    at_i, at_j, at_k = (slice(n // 2, None, n) for n in step)  # the middle of each cell
    planes = np.ascontiguousarray(volume.hu.transpose(2, 1, 0))
    slices = planes[at_k]
    tissue = slices > TISSUE_ABOVE_HU
    body = filled(largest_piece(ndimage.binary_opening(tissue[:, at_j, at_i], _TWO_THICK)))
    length = volume.hu.shape[2] * k
    noise = _noise(planes, (max(2, round(_BLOCK_MM / j)), max(2, round(_BLOCK_MM / i))))
    count = int(body.sum())
    if not count:
        return Properties(noise_hu=noise, scan_length_mm=length)
    sampled = slices[:, at_j, at_i][body]
    near = ndimage.binary_dilation(body, IN_SLICE).repeat(step[1], axis=1).repeat(step[0], axis=2)
    rows, columns = (min(near.shape[axis], slices.shape[axis]) for axis in (1, 2))
    outline = near[:, :rows, :columns] & tissue[:, :rows, :columns]
    return Properties(
        body_width_mm=_extent(outline.any(axis=1)) * i,
        body_depth_mm=_extent(outline.any(axis=2)) * j,
        fat_share=int(((sampled >= FAT_HU[0]) & (sampled <= FAT_HU[1])).sum()) / count,
        bone_share=int((sampled >= BONE_FROM_HU).sum()) / count,
        noise_hu=noise,
        scan_length_mm=length,
    )


def _extent(shadow: Mask) -> float:
    """Median over the slices ``[k]`` of the voxels from first to last, where there is one."""
    shadow = shadow[shadow.any(axis=1)]
    first, last = shadow.argmax(axis=1), shadow[:, ::-1].argmax(axis=1)
    return float(np.median(shadow.shape[1] - first - last))


def _noise(slices: HU, block: tuple[int, int]) -> float | None:
    """Most frequent standard deviation of soft tissue in blocks of ``[k, j, i]`` slices, HU."""
    depth, rows, columns = slices.shape[0], slices.shape[1] // block[0], slices.shape[2] // block[1]
    cropped = slices[:, : rows * block[0], : columns * block[1]].astype(np.int32)
    blocks = cropped.reshape(depth, rows, block[0], columns, block[1])
    size = block[0] * block[1]
    total = blocks.sum(axis=(2, 4), dtype=np.int64)
    soft = (total > SOFT_HU[0] * size) & (total < SOFT_HU[1] * size)
    if soft.sum() < _FEWEST_BLOCKS:
        return None
    squares = (blocks.transpose(0, 1, 3, 2, 4)[soft] ** 2).sum(axis=(1, 2), dtype=np.int64)
    variance = (size * squares - total[soft] ** 2) / (size * (size - 1))
    return _most_frequent(np.sort(np.sqrt(variance)))


def _most_frequent(ordered: NDArray[np.float64]) -> float:
    """Mean of the densest quarter of the lower half of ascending values.

    Two steps of the half-sample mode (Robertson and Cryer, Journal of the American Statistical
    Association 69, 1974): all steps would end at two values, and jump with them.
    """
    values = ordered[: len(ordered) // 2]
    for _ in range(2):
        half = (len(values) + 1) // 2
        start = int(np.argmin(values[half - 1 :] - values[: len(values) - half + 1]))
        values = values[start : start + half]
    return float(np.mean(values))
