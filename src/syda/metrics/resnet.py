"""Residual networks as their weights were published: MedicalNet's in 3D, RadImageNet's in 2D.

Layers and names are those of the published files, so that a file fits as it is or not at all.

Source: K. He et al., "Deep residual learning for image recognition", CVPR 2016; S. Chen, K. Ma,
Y. Zheng, "Med3D: transfer learning for 3D medical image analysis", arXiv:1904.00625 (the stages
with dilation); X. Mei et al., "RadImageNet", Radiology: AI 4(5), 2022.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (the field's name for it)
from torch import nn

WIDTHS = (64, 128, 256, 512)
"""Channels of the four stages; a bottleneck puts out four times as many."""


@dataclass(frozen=True)
class Shape:
    """What sets one residual network apart from another.

    Attributes:
        dimensions: 2 or 3.
        channels: of the input.
        bottleneck: three convolutions a block, not two.
        projected: a shortcut between unlike maps is a convolution; else it is cut and padded with
            zero channels.
        blocks: of each stage.
        strides: of each stage.
        dilations: of each stage.
    """

    dimensions: int
    channels: int
    bottleneck: bool
    projected: bool
    blocks: tuple[int, int, int, int]
    strides: tuple[int, int, int, int]
    dilations: tuple[int, int, int, int]

    @property
    def expansion(self) -> int:
        """Channels that a block puts out for each of its width."""
        return 4 if self.bottleneck else 1

    def conv(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1
    ) -> nn.Module:
        """A convolution without bias that keeps the side, but for the stride."""
        kind = {2: nn.Conv2d, 3: nn.Conv3d}[self.dimensions]
        padding = dilation * (kernel // 2)
        return kind(inputs, outputs, kernel, stride, padding, dilation, bias=False)

    def norm(self, channels: int) -> nn.Module:
        """Batch normalisation."""
        return {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[self.dimensions](channels)


class Block(nn.Module):
    """Two or three convolutions and the shortcut around them."""

    def __init__(self, shape: Shape, inputs: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self._stride, self._outputs = stride, width * shape.expansion
        if shape.bottleneck:
            self.conv1 = shape.conv(inputs, width, 1)
            self.conv2 = shape.conv(width, width, 3, stride, dilation)
            self.conv3 = shape.conv(width, self._outputs, 1)
            self.bn3 = shape.norm(self._outputs)
        else:
            self.conv1 = shape.conv(inputs, width, 3, stride, dilation)
            self.conv2 = shape.conv(width, width, 3, 1, dilation)
        self.bn1, self.bn2 = shape.norm(width), shape.norm(width)
        unlike = stride != 1 or inputs != self._outputs
        self.downsample = (
            nn.Sequential(shape.conv(inputs, self._outputs, 1, stride), shape.norm(self._outputs))
            if unlike and shape.projected
            else None
        )
        self._bottleneck = shape.bottleneck

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, C, ...]`` to ``[B, C', ...]``."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self._bottleneck:
            y = self.bn3(self.conv3(F.relu(y)))
        return F.relu(y + self._shortcut(x))

    def _shortcut(self, x: torch.Tensor) -> torch.Tensor:
        if self.downsample is not None:
            found: torch.Tensor = self.downsample(x)
            return found
        for axis in range(2, x.ndim):
            x = x[(slice(None),) * axis + (slice(None, None, self._stride),)]
        missing = self._outputs - x.shape[1]
        return F.pad(x, (*[0, 0] * (x.ndim - 2), 0, missing)) if missing else x


class ResNet(nn.Module):
    """Stem and four stages; no classifier.

    Attributes:
        features: channels that it puts out.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.features = WIDTHS[-1] * shape.expansion
        self.conv1 = shape.conv(shape.channels, WIDTHS[0], 7, 2)
        self.bn1 = shape.norm(WIDTHS[0])
        self.maxpool = {2: nn.MaxPool2d, 3: nn.MaxPool3d}[shape.dimensions](3, 2, 1)
        inputs = WIDTHS[0]
        plan = zip(WIDTHS, shape.blocks, shape.strides, shape.dilations, strict=True)
        for number, (width, blocks, stride, dilation) in enumerate(plan, start=1):
            stage = []
            for block in range(blocks):
                stage.append(Block(shape, inputs, width, 1 if block else stride, dilation))
                inputs = width * shape.expansion
            self.add_module(f"layer{number}", nn.Sequential(*stage))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of the last stage.

        Args:
            x: ``[B, channels, ...]``.

        Returns:
            ``[B, features, ...]``, none negative.
        """
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        for number in range(1, len(WIDTHS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x
