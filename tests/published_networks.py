"""Networks by MONAI with seeded weights, in the layouts of MedicalNet's and RadImageNet's files."""

from functools import partial
from pathlib import Path

import torch
from torch import nn


def seeded(network: nn.Module, seed: int = 0) -> nn.Module:
    """Every weight and statistic from a seed, so that no layer leaves features as they are."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith("running_var"):
            value.copy_(noise.abs() + 0.5)
        elif value.ndim > 1:
            value.copy_(noise * (2 / value[0].numel()) ** 0.5)
        else:
            value.copy_(0.1 * noise + ("weight" in name))
    return network.eval()


def medicalnet(depth: int, seed: int = 0) -> nn.Module:
    """MONAI's ResNet with the strides and dilations of MedicalNet's own code."""
    from monai.networks.nets import resnet

    network = getattr(resnet, f"resnet{depth}")(
        spatial_dims=3,
        n_input_channels=1,
        conv1_t_stride=2,
        feed_forward=False,
        shortcut_type="A" if depth == 18 else "B",
        bias_downsample=depth == 18,
    )
    for stage, dilation in ((network.layer3, 2), (network.layer4, 4)):
        for part in stage.modules():
            if isinstance(part, nn.Conv3d):
                part.stride = (1, 1, 1)
                if part.kernel_size == (3, 3, 3):
                    part.padding = part.dilation = (dilation,) * 3
        if isinstance(stage[0].downsample, partial):
            stage[0].downsample = partial(stage[0].downsample, stride=1)
    return seeded(network, seed)


class RadImageNet(nn.Module):
    """The first nine parts of a ResNet-50, as in the authors' example of how to read their file."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        from monai.networks.nets import resnet

        network = resnet.resnet50(
            spatial_dims=2,
            n_input_channels=3,
            conv1_t_stride=2,
            feed_forward=False,
            bias_downsample=False,
        )
        self.backbone = nn.Sequential(*list(network.children())[:9])
        seeded(self, seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, 3, H, W]`` to ``[B, 2048]``."""
        return self.backbone(x).flatten(1)


def save_medicalnet(network: nn.Module, path: Path) -> None:
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state}, path)


def save_radimagenet(network: RadImageNet, path: Path) -> None:
    torch.save(network.state_dict(), path)
