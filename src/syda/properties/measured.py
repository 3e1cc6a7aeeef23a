"""Properties measured in the voxels of a scan, without labels.

The *body* is the largest connected component above -500 HU, sampled every 4.5 mm. Parts that are
thinner than two samples in-plane are cut off first: table, blankets and tubes. Everything that the
body encloses within a slice (lungs, gas) belongs to it. An arm that touches the body does too.

Counts and sums are integers: the same voxels give the same numbers on every machine.
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
_MIN_BLOCKS = 50
_TWO_THICK = np.ones((1, 2, 2), bool)


def measure_properties(volume: Volume) -> Properties:
    """Measure a scan.

    - ``body_width_mm``, ``body_depth_mm``: extent of the body along i and j, the median over the
      slices with body. It is exact to a voxel. Tissue within 6 mm of the body counts.
    - ``fat_share``, ``bone_share``: share of the body's volume in :data:`FAT_HU`, and above
      :data:`BONE_FROM_HU`, counted at points 4.5 mm apart.
    - ``noise_hu``: the most frequent standard deviation of in-plane blocks of about 12 mm whose
      mean is soft tissue. Edges and texture give larger, rarer values. After Christianson et al.,
      American Journal of Roentgenology 205, 2015 (global noise level). Resampling lowers it.
    - ``scan_length_mm``: length of the field along k.

    Args:
        volume: ``[i, j, k]`` int16 HU, RAS+, any spacing.

    Returns:
        A property of the body is None without a body; the noise is None with fewer than 50 blocks
        of soft tissue.

    >>> hu = np.full((40, 40, 20), -1000, np.int16)
    >>> hu[10:30, 10:30] = 40
    >>> measure_properties(Volume(hu, np.diag([5.0, 5.0, 5.0, 1.0]))).body_width_mm
    100.0
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


def _extent(outline: Mask) -> float:
    """Median over the slices ``[k]`` of the voxels from first to last, where there is one."""
    outline = outline[outline.any(axis=1)]
    first, last = outline.argmax(axis=1), outline[:, ::-1].argmax(axis=1)
    return float(np.median(outline.shape[1] - first - last))


def _noise(slices: HU, block: tuple[int, int]) -> float | None:
    """Most frequent standard deviation of soft tissue in blocks of ``[k, j, i]`` slices, HU."""
    depth, rows, columns = slices.shape[0], slices.shape[1] // block[0], slices.shape[2] // block[1]
    cropped = slices[:, : rows * block[0], : columns * block[1]].astype(np.int32)
    blocks = cropped.reshape(depth, rows, block[0], columns, block[1])
    size = block[0] * block[1]
    total = blocks.sum(axis=(2, 4), dtype=np.int64)
    soft = (total > SOFT_HU[0] * size) & (total < SOFT_HU[1] * size)
    if soft.sum() < _MIN_BLOCKS:
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
