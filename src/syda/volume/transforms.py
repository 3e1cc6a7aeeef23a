"""The checklist's preprocessing as one ``monai.transforms.Compose``: a resampled scan to a tensor.

Training, evaluation and shadow use it. This module imports MONAI, which takes seconds: a stage
that only needs the way back imports :mod:`syda.volume.model_space`.

>>> import numpy as np
>>> space = ModelSpace(size=8, spacing_mm=1.5, window_min=-1000, window_max=1000)
>>> scan = Volume(np.zeros((12, 8, 4), np.int16), np.diag([1.5, 1.5, 1.5, 1.0]))
>>> model_transforms(space)(as_image(scan)).shape  # [1, D, H, W]
torch.Size([1, 8, 8, 8])
>>> print(*steps(space).values(), sep=chr(10))
Each axis must have a voxel size of 1.5 mm.
-1000 HU to 1000 HU is scaled to -1 to +1; values outside are clipped.
The longest side is fitted to 8 voxels, the aspect is kept, and the rest is padded with -1.
The axes are put in the order feet to head, back to front, left to right.
The result is a tensor of 1 x 8 x 8 x 8 numbers.
"""

from functools import lru_cache

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import (
    Compose,
    InvertibleTransform,
    ScaleIntensityRange,
    ToTensor,
    Transform,
    Transpose,
)
from torch import Tensor

from syda.types import HU, Tensor32, Volume
from syda.volume.geometry import ISOTROPY_TOLERANCE_MM
from syda.volume.model_space import PADDING, PREPROCESSING, ModelSpace, axes_back, axes_to_model
from syda.volume.resample import along_axes

_PLANES, _BLOCK = 8, 64
"""Planes along k, and along i, that are worked on at a time."""


class CheckSpacing(Transform):  # type: ignore[misc]  # MONAI is untyped here
    """Refuse an image of another voxel size.

    Args:
        spacing_mm: what each axis must have.
    """

    def __init__(self, spacing_mm: float) -> None:
        self.spacing_mm = spacing_mm

    def __call__(self, image: MetaTensor) -> MetaTensor:
        """Return the image ``[1, i, j, k]`` unchanged.

        Raises:
            ValueError: its affine has another spacing; ``Compose`` makes a RuntimeError of it.
        """
        found = [float(mm) for mm in np.linalg.norm(image.affine[:3, :3], axis=0)]
        if any(abs(mm - self.spacing_mm) > ISOTROPY_TOLERANCE_MM for mm in found):
            raise ValueError(f"spacing {found} mm, expected {self.spacing_mm} mm")
        return image


class ScaleWindow(ScaleIntensityRange):  # type: ignore[misc]
    """MONAI's ``ScaleIntensityRange``, a few planes at a time.

    Its intermediate images then stay in the processor's cache, which more than halves the time.
    """

    def __call__(self, image: Tensor) -> Tensor:
        """Return the image ``[1, i, j, k]`` scaled, as float32 in the same memory order."""
        scaled = image.to(torch.float32, copy=True)
        plain = scaled.as_tensor() if isinstance(scaled, MetaTensor) else scaled
        for planes in plain.split(_PLANES, dim=-1):
            planes.copy_(super().__call__(planes))
        return scaled


class FitAndPad(InvertibleTransform):  # type: ignore[misc]
    """Fit the longest side of an image to a cube and pad the others on both sides with -1.

    Image and cube have one centre, to a fraction of a voxel: MONAI's ``SpatialPad`` puts an odd
    voxel at the end, and its ``Resize`` rounds the shorter sides.

    Args:
        size: N, voxels along each side of the cube.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def __call__(self, image: MetaTensor) -> MetaTensor:
        """Resample ``[1, i, j, k]`` in [-1, 1] to ``[1, N, N, N]``; its affine goes along."""
        shape = tuple(image.shape[1:])
        axes = axes_to_model(shape, self.size)
        to_source = np.diag([*(axis.step for axis in axes), 1.0])
        to_source[:3, 3] = [axis.start for axis in axes]
        fitted = _resampled(image, along_axes(_voxels(image), axes, outside=PADDING))
        extra = {"affine": image.affine}
        return self.push_transform(fitted, affine=to_source, orig_size=shape, extra_info=extra)

    def inverse(self, image: MetaTensor) -> MetaTensor:
        """Resample ``[1, N, N, N]`` to the grid of the image that was fitted."""
        applied = self.pop_transform(image)
        axes = axes_back(applied["orig_size"], self.size)
        back = _resampled(image, along_axes(_voxels(image), axes, outside=PADDING))
        back.affine = applied["extra_info"]["affine"]
        return back


def _voxels(image: MetaTensor) -> Tensor32:
    voxels: Tensor32 = image.as_tensor()[0].numpy()
    return voxels


def _resampled(image: MetaTensor, voxels: Tensor32) -> MetaTensor:
    """Other voxels with the image's metadata."""
    return MetaTensor(torch.from_numpy(voxels)[None]).copy_meta_from(image)


def steps(space: ModelSpace) -> dict[str, str]:
    """Return what each step does, with its parameters, in a sentence, by the step's class."""
    values = {
        "spacing": f"{space.spacing_mm:g} mm",
        "window_min": f"{space.window_min} HU",
        "window_max": f"{space.window_max} HU",
        "size": space.size,
    }
    return {name: sentence.format(**values) for name, sentence in PREPROCESSING.items()}


def _window(space: ModelSpace) -> ScaleWindow:
    return ScaleWindow(float(space.window_min), float(space.window_max), -1, 1, clip=True)


@lru_cache
def model_transforms(space: ModelSpace) -> Compose:
    """Build the preprocessing: from ``[1, i, j, k]`` HU with an affine to ``[1, D, H, W]``.

    Args:
        space: the model's.

    Returns:
        Takes what :func:`as_image` or MONAI's ``LoadImage(ensure_channel_first=True)`` returns;
        returns float32 in [-1, 1] without metadata. It raises RuntimeError for an image of another
        spacing than the space's.
    """
    return Compose(
        [
            CheckSpacing(space.spacing_mm),
            _window(space),
            FitAndPad(space.size),
            Transpose((0, 3, 2, 1)),
            ToTensor(track_meta=False),
        ]
    )


def as_image(volume: Volume) -> MetaTensor:
    """Return a copy of a scan as MONAI's image, ``[1, i, j, k]`` int16 HU with its affine."""
    # In NIfTI's order, in which resampling is fastest; in blocks that fit the processor's cache.
    voxels = np.empty(volume.hu.shape, np.int16, order="F")
    for start in range(0, len(voxels), _BLOCK):
        voxels[start : start + _BLOCK] = volume.hu[start : start + _BLOCK]
    return MetaTensor(torch.from_numpy(voxels)[None], affine=volume.affine.copy())


def encode(volume: Volume, space: ModelSpace) -> Tensor32:
    """Bring a scan into model space.

    Args:
        volume: ``[i, j, k]`` int16 HU at the spacing of the space, RAS+.
        space: the model's.

    Returns:
        ``[1, D, H, W]`` in [-1, 1] with D = k, H = j, W = i.
    """
    image: Tensor = model_transforms(space)(as_image(volume))
    encoded: Tensor32 = image.numpy()
    return encoded


def scale_window(hu: HU, space: ModelSpace) -> Tensor32:
    """Scale a decoded cube ``[i, j, k]`` to the model range ``[D, H, W]``; nothing is resampled."""
    scaled: Tensor32 = _window(space)(torch.from_numpy(hu)[None])[0].numpy()
    return scaled.transpose(2, 1, 0)
