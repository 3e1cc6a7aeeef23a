"""Vertebrae: does bone alternate along the spine, as often as vertebrae follow each other?"""

import numpy as np
from scipy import ndimage

from syda.metrics.cohorts import Floats
from syda.metrics.outline import COARSE, downsample, middle_and_size, outline, span

FINE = 64
"""Voxels a side of the grid on which vertebrae are measured; a smaller cube is taken as it is."""

WINDOW = 0.42
"""Length along k that is looked at, widths of the body: about four vertebrae."""

PERIOD = (0.07, 0.14)
"""Height of a vertebra with its disc, widths of the body: 25 to 50 mm of 350 mm."""

_SEEN = (0.06, 0.25)
_HIGHPASS = 0.055
_RANGE_HU = (-100, 500)

_BONE_HU = (100, 400)
"""A voxel counts as bone not at all below the first, fully above the second."""

_SPINE_HALF_WIDTH = 0.12
_SPINE_SMOOTHING = 0.09

_COLUMNS_HALF_WIDTH = 0.06
_COLUMNS_DEPTH = (-0.2, 0.08)


def vertebrae(hu: Floats) -> tuple[float, float]:
    """Measure how regularly, and by how much, bone alternates along the spine.

    The columns along k near the midline, from the spinous processes to the vertebral bodies, are
    shifted so that the spine is straight. What is smooth along k is taken off. In each window of
    :data:`WINDOW` (Hann), the power spectra of the columns are added. The strongest period within
    :data:`PERIOD`, with the frequencies that the window blurs it to, is that of the vertebrae.

    Args:
        hu: ``[D, H, W]`` HU, as :func:`syda.metrics.anatomy.measure` takes it.

    Returns:
        Of the most regular window, the share of the power of all periods from 0.06 to 0.25 widths
        that is in the strongest; and the root mean square of this part in the row that has most of
        it, HU. Both are 0 where the body is shorter than a window, or has fewer than two voxels a
        period.

    >>> vertebrae(np.full((8, 8, 8), -1000.0))
    (0.0, 0.0)
    """
    columns, width = _columns(downsample(hu, FINE))
    length = round(WINDOW * width)
    if width * PERIOD[1] < 2 or len(columns) < length:
        return 0.0, 0.0
    columns -= ndimage.gaussian_filter1d(columns, _HIGHPASS * width, axis=0, mode="nearest")
    windows = np.lib.stride_tricks.sliding_window_view(columns, length, axis=0)
    taper = np.hanning(length + 2)[1:-1]
    points = 16 * length
    power = np.abs(np.fft.rfft(windows * taper, points)) ** 2  # [windows, J, I, frequencies]
    frequency = np.fft.rfftfreq(points) * width
    summed = power.sum(axis=(1, 2))
    expected = (frequency >= 1 / PERIOD[1]) & (frequency <= 1 / PERIOD[0])
    strongest = frequency[expected][summed[:, expected].argmax(axis=1)]
    near = np.abs(frequency - strongest[:, None]) <= 1 / WINDOW
    seen = (frequency >= 1 / _SEEN[1]) & (frequency <= 1 / _SEEN[0])
    share = (summed * near).sum(axis=1) / np.maximum(summed[:, seen].sum(axis=1), 1)
    best = int(share.argmax())
    rows = power[best].mean(axis=1) @ near[best]
    contrast = np.sqrt(2 * rows.max() / (points * (taper**2).sum()))
    return float(share[best]), float(contrast)


def _columns(hu: Floats) -> tuple[Floats, int]:
    """Columns along k on a straightened spine, and the width of the body in voxels.

    ``[K, J, I]``: K slices of the body without the outermost ones, which hold padding; J from the
    back of the spine to its front. Empty without a body.
    """
    body, padding = outline(hu), max(1, len(hu) // COARSE)
    if body.any():
        whole = span(body)
        inner = slice(whole.start + padding, whole.stop - padding)
        hu, body = hu[inner], body[inner]
    if not body.any():
        return np.empty((0, 0, 0)), 0
    middle, width = middle_and_size(body.max(axis=(0, 1)))
    half_way, _ = middle_and_size(body.max(axis=(0, 2)))
    across = np.abs(np.arange(hu.shape[2]) - middle) / width
    spine = _spine_row(hu[:, : int(np.ceil(half_way)), across <= _SPINE_HALF_WIDTH], width)
    low, high = (round(end * width) for end in _COLUMNS_DEPTH)
    rows = spine[:, None, None] + np.arange(low, high + 1)[:, None]
    columns = np.flatnonzero(across <= _COLUMNS_HALF_WIDTH)
    at = np.broadcast_arrays(np.arange(len(hu))[:, None, None], rows, columns)
    sampled: Floats = ndimage.map_coordinates(hu.clip(*_RANGE_HU), at, order=1, mode="nearest")
    return sampled, width


def _spine_row(back: Floats, width: int) -> Floats:
    """``[K]`` mean row of the bone in the back half near the middle.

    It is smoothed along k, so that it follows the bend of the spine and not the single vertebra.
    """
    bone = (back.clip(*_BONE_HU) - _BONE_HU[0]).sum(axis=2)
    moments = np.stack([bone @ np.arange(back.shape[1]), bone.sum(axis=1)])
    first, total = ndimage.gaussian_filter1d(moments, _SPINE_SMOOTHING * width, axis=1)
    row: Floats = first / np.maximum(total, 1)
    return row
