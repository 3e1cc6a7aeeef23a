"""Alignment: a volume after the best shift, scale, HU offset and HU gain, as two halves.

What is left tells how organs differ in place and shape. Three choices make it so:

- HU are clipped to the window of abdominal soft tissue. Without that, the step of 1000 HU between
  air and skin hides the organs, and the edges of a shifted template differ by more than organs do.
- Shift and scale (of each axis), HU offset and HU gain are fitted to a reference by least squares.
- White noise is no structure. The voxels are parted like the fields of a chessboard, and each half
  is sampled alone with a Gaussian kernel. Anatomy is the same in both halves; white noise is
  independent, so its products over the two halves are zero on average.

Volumes are reduced to at most 32 voxels a side first (:func:`.outline.downsample`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from syda.metrics.cohorts import Floats

WINDOW_HU = (-160.0, 240.0)
"""Soft tissue of the abdomen: 400 HU around 40."""

KERNEL = 1.0
"""Standard deviation of the Gaussian kernel, in coarse voxels of the reference."""

MAX_SCALE = 2.0
MAX_SHIFT = 0.25
"""Of the side."""
MAX_OFFSET_HU = 200.0
MAX_GAIN = 2.0

PROTOCOL = {
    "window_hu_of_structure": list(WINDOW_HU),
    "aligned": "to the mean of the real scans: shift and scale of each axis, HU offset, HU gain",
    "limits": {
        "shift_of_side": MAX_SHIFT,
        "scale": MAX_SCALE,
        "offset_hu": MAX_OFFSET_HU,
        "gain": MAX_GAIN,
    },
    "kernel_coarse_voxels": KERNEL,
    "halves": "chessboard; variances are covariances of the two halves",
}

_BOUNDS = np.array([MAX_SHIFT] * 3 + [np.log(MAX_SCALE)] * 3 + [MAX_OFFSET_HU, np.log(MAX_GAIN)])
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class AlignmentReference:
    """What volumes are aligned to.

    Attributes:
        image: ``[n, n, n]`` in [0, 1] of the window, n half the side of the volumes.
        moments: ``[2, 3]`` mean centre, in sides from the middle, and mean log size of each axis.
    """

    image: Floats
    moments: Floats


def fit_reference(volumes: Sequence[Floats]) -> AlignmentReference:
    """Return the mean of volumes that are aligned to one another.

    Args:
        volumes: ``[N, N, N]`` HU each.
    """
    moments = np.mean([_moments(_window(hu)) for hu in volumes], axis=0)
    starts = [_start(hu, moments) for hu in volumes]
    first = [_sample(_window(hu), start) for hu, start in zip(volumes, starts, strict=True)]
    rough = AlignmentReference(np.mean(first, axis=0), moments)
    return AlignmentReference(
        np.mean([aligned_halves(hu, rough) for hu in volumes], axis=(0, 1)), moments
    )


def aligned_halves(hu: Floats, reference: AlignmentReference) -> Floats:
    """Align a volume to a reference.

    Args:
        hu: ``[N, N, N]`` HU; outside of it is air.
        reference: of volumes of the same side.

    Returns:
        ``[2, n, n, n]`` in [0, 1] of the window, one for each half of the voxels.

    >>> axis = np.linspace(-1, 1, 16)
    >>> ball = np.linalg.norm(np.meshgrid(axis, axis, axis), axis=0) < 0.5
    >>> hu = np.where(ball, 40.0, -1000.0)
    >>> reference = fit_reference([hu])
    >>> first, second = aligned_halves(np.roll(hu + 30, 1, axis=0), reference)
    >>> bool(np.abs(first - reference.image).max() < 0.02), first.shape
    (True, (8, 8, 8))
    """

    def sample(parameters: Floats, share: Floats | float = 1.0) -> Floats:
        offset, log_gain = parameters[6:]
        return _sample(_window(hu, offset, np.exp(log_gain)) * share, parameters)

    found = optimize.least_squares(
        lambda parameters: (sample(parameters) - reference.image).ravel(),
        _start(hu, reference.moments),
        bounds=(-_BOUNDS, _BOUNDS),
        x_scale="jac",
        ftol=_TOLERANCE,
        xtol=_TOLERANCE,
    )
    odd = np.indices(hu.shape).sum(axis=0) % 2
    return np.stack([sample(found.x, 2.0 * odd), sample(found.x, 2.0 * (1 - odd))])


def _window(hu: Floats, offset: float = 0.0, gain: float = 1.0) -> Floats:
    low, high = WINDOW_HU
    scaled: Floats = (np.clip(hu * gain + offset, low, high) - low) / (high - low)
    return scaled


def _moments(image: Floats) -> Floats:
    """``[2, 3]`` centre, in sides from the middle, and log of the standard deviation."""
    shares = image / max(image.sum(), 1e-9)
    position = (np.arange(len(image)) + 0.5) / len(image) - 0.5
    profiles = [shares.sum(axis=axes) for axes in ((1, 2), (0, 2), (0, 1))]
    centres = np.array([profile @ position for profile in profiles])
    squares = np.array([profile @ position**2 for profile in profiles])
    return np.stack([centres, np.log((squares - centres**2).clip(min=1e-6)) / 2])


def _start(hu: Floats, moments: Floats) -> Floats:
    """Parameters that bring the moments of a volume to others: shifts, log scales, HU."""
    centre, log_size = _moments(_window(hu))
    log_scale = log_size - moments[1]
    shift = centre - np.exp(log_scale) * moments[0]
    start = np.concatenate([shift, log_scale, [0.0, 0.0]])
    within: Floats = np.clip(start, -0.99 * _BOUNDS, 0.99 * _BOUNDS)
    return within


def _sample(image: Floats, parameters: Floats) -> Floats:
    """Sample ``[N, N, N]`` at every second voxel of the reference, moved and scaled.

    The kernel is a Gaussian of the reference's voxels, so that a template of another size gives
    the same sample. Outside the image is 0.
    """
    side = len(image)
    target = (np.arange(side // 2) + 0.5) * 2 - side / 2
    voxel = np.arange(side) - (side - 1) / 2
    kernels = []
    for shift, scale in zip(parameters[:3] * side, np.exp(parameters[3:6]), strict=True):
        width = KERNEL * scale
        distance = (voxel - shift - scale * target[:, None]) / width
        kernels.append(np.exp(-(distance**2) / 2) / (width * np.sqrt(2 * np.pi)))
    k, j, i = kernels
    rows: Floats = j @ (image @ i.T)
    sampled: Floats = (k @ rows.reshape(side, -1)).reshape(len(k), len(j), len(i))
    return sampled
