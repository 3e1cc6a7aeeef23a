"""The mapping network: a latent z becomes a style w (Karras et al., StyleGAN, 2019, section 2)."""

import torch
from torch import Tensor, nn

from syda.model.layers import RELU_GAIN, EqualizedLinear, activate


class Mapping(nn.Module):
    """Equalised linear layers, each with a leaky ReLU, on z scaled to unit second moment.

    Args:
        latent: length of z and of w.
        layers: number of linear layers.
        lr_multiplier: learning rate of these layers relative to the optimiser's.
    """

    def __init__(self, latent: int, layers: int, lr_multiplier: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EqualizedLinear(latent, latent, gain=RELU_GAIN, lr_multiplier=lr_multiplier)
            for _ in range(layers)
        )

    def forward(self, z: Tensor) -> Tensor:
        """``[N, latent]`` to ``[N, latent]``."""
        w = normalize_second_moment(z)
        for layer in self.layers:
            w = activate(layer(w))
        return w


def normalize_second_moment(z: Tensor) -> Tensor:
    """Scale each row of ``[N, latent]`` so that the mean of its squares is one."""
    return z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
