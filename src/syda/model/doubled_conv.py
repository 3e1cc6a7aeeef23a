"""Convolution at twice the side: doubling and convolving in one, for a quarter of the products.

Doubling inserts zeros between the voxels and filters them with [1, 3, 3, 1] / 4. Filter and
convolution may change places: the transposed convolution then leaves the zeros out, and the filter
comes after it (Karras et al., A Style-Based Generator Architecture for GANs, 2019, section 2).
Along W the filter stays in front, where the volume is at its smallest: behind, channels being last,
it would be thousands of small matrix products.
"""

import torch
from torch import Tensor
from torch.nn import functional

from syda.model.layers import along, interpolation


def doubled_conv3d(x: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
    """Double D, H and W and convolve; beyond its sides, x is zero.

    Args:
        x: a cube, ``[N, I, s, s, s]``, channels last in memory.
        weight: ``[O, I / groups, 3, 3, 3]``.
        groups: of channels that do not see one another.

    Returns:
        ``[N, O, 2 s, 2 s, 2 s]``, channels last in memory.
    """
    side = x.shape[-1]
    # With the nearer half of the zero voxel beyond either side, which the convolution sees.
    x = along(x, interpolation(side + 2, x)[1:-1, 1:-1], 2)
    turned = weight.flip(2, 3, 4).reshape(groups, -1, *weight.shape[1:])
    turned = turned.transpose(1, 2).flatten(0, 1)
    y = functional.conv_transpose3d(x, turned, stride=(2, 2, 1), padding=(0, 0, 2), groups=groups)
    smooth = _smoothing(2 * side, x)
    return along(along(y, smooth, 1), smooth, 0)


def _smoothing(side: int, like: Tensor) -> Tensor:
    """``[side, side + 1]``: the filter [1, 3, 3, 1] / 4, from half a voxel beyond the sides."""
    taps = torch.tensor([[[0.25, 0.75, 0.75, 0.25]]], device=like.device)
    identity = torch.eye(side + 1, device=like.device)
    return functional.conv1d(identity[:, None], taps, padding=1)[:, 0].T.to(like.dtype)
