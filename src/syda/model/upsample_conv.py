"""Upsampling by two and convolution as one operation, for about a quarter of the work.

Upsampling inserts zeros between the voxels and filters with [1, 3, 3, 1] / 4. Filter and
convolution are linear and shift-invariant, so that their order can change. A convolution of
inserted zeros is a transposed convolution, which skips them (Dumoulin and Visin, A guide to
convolution arithmetic for deep learning, 2016, chapter 4). The filter comes after it along D and H.
Along W it comes before: with channels last it is many small matrix products there, and a quarter of
them before the convolution.
"""

import torch
from torch import Tensor
from torch.nn import functional

from syda.model.layers import interpolation_matrix, matmul_along_axis


def upsample_conv3d(x: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
    """Double D, H and W and convolve with zero padding.

    Args:
        x: a cube, ``[N, I, s, s, s]``, channels last in memory.
        weight: ``[O, I / groups, 3, 3, 3]``.
        groups: of channels, each convolved separately.

    Returns:
        ``[N, O, 2 s, 2 s, 2 s]``, channels last in memory.

    >>> x, weight = torch.ones(1, 2, 4, 4, 4), torch.ones(5, 2, 3, 3, 3)
    >>> y = upsample_conv3d(x, weight)
    >>> y.shape
    torch.Size([1, 5, 8, 8, 8])
    >>> y[0, 0, 4, 4, 4]  # 27 voxels of 2 channels
    tensor(54.)
    """
    size = x.shape[-1]
    # Along W, include the half voxel beyond either end that the convolution reads.
    x = matmul_along_axis(x, interpolation_matrix(size + 2, x)[1:-1, 1:-1], 2)
    turned = weight.flip(2, 3, 4).reshape(groups, -1, *weight.shape[1:])
    turned = turned.transpose(1, 2).flatten(0, 1)
    y = functional.conv_transpose3d(x, turned, stride=(2, 2, 1), padding=(0, 0, 2), groups=groups)
    smooth = _filter_matrix(2 * size, x)
    return matmul_along_axis(matmul_along_axis(y, smooth, 1), smooth, 0)


def _filter_matrix(size: int, like: Tensor) -> Tensor:
    """``[size, size + 1]``: the filter [1, 3, 3, 1] / 4, evaluated between the input voxels."""
    e = functional.pad(torch.eye(size + 1, device=like.device), (0, 0, 1, 1))
    taps = 0.25 * (e[:-3] + e[3:]) + 0.75 * (e[1:-2] + e[2:-1])
    return taps.to(like.dtype)
