"""The mapping network: a latent z becomes a style w (Karras et al., StyleGAN, 2019, section 2).

Properties join after the layers, as a sum: w moves along a line with each of them, learnt at the
full rate, and what z says of the rest of the body is said apart.
"""

import torch
from torch import Tensor, nn

from syda.model.layers import RELU_GAIN, EqualizedLinear, activate


class Mapping(nn.Module):
    """Equalised linear layers, each with a leaky ReLU, on z scaled to unit second moment.

    Args:
        latent: length of z and of w.
        layers: number of linear layers.
        lr_multiplier: learning rate of these layers relative to the optimiser's.
        conditions: length of the vector of properties; 0 for none.
    """

    def __init__(self, latent: int, layers: int, lr_multiplier: float, conditions: int = 0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EqualizedLinear(latent, latent, gain=RELU_GAIN, lr_multiplier=lr_multiplier)
            for _ in range(layers)
        )
        self.embed = EqualizedLinear(conditions, latent) if conditions else None

    def forward(self, z: Tensor) -> Tensor:
        """``[N, latent]`` to ``[N, latent]``: the part of w that no property decides."""
        w = normalize_second_moment(z)
        for layer in self.layers:
            w = activate(layer(w))
        return w

    def conditioned(self, w: Tensor, conditions: Tensor) -> Tensor:
        """Add properties ``[N, conditions]`` (:mod:`syda.model.conditions`) to ``[N, latent]``."""
        return w if self.embed is None else w + self.embed(conditions)


def normalize_second_moment(z: Tensor) -> Tensor:
    """Scale each row of ``[N, latent]`` so that the mean of its squares is one."""
    return z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
