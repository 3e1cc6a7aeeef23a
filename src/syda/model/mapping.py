"""The mapping network: latent z to style w (Karras et al., StyleGAN, 2019, section 2).

Conditions are added to w after the layers. Each property moves w along a line, which is learnt at
the full learning rate.
"""

import torch
from torch import Tensor, nn

from syda.model.layers import RELU_GAIN, EqualizedLinear, activate


class Mapping(nn.Module):
    """Equalised linear layers with leaky ReLU, on z scaled to unit second moment.

    Args:
        latent_dim: length of z and of w.
        layers: number of linear layers.
        lr_multiplier: learning rate of these layers relative to the optimiser's.
        conditions: length of the condition vector; 0 for none.

    >>> mapping = Mapping(latent_dim=8, layers=2, lr_multiplier=0.01, conditions=3)
    >>> w = mapping(torch.randn(5, 8))
    >>> mapping.conditioned(w, torch.zeros(5, 3)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self, latent_dim: int, layers: int, lr_multiplier: float, conditions: int = 0
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EqualizedLinear(latent_dim, latent_dim, gain=RELU_GAIN, lr_multiplier=lr_multiplier)
            for _ in range(layers)
        )
        self.embed = EqualizedLinear(conditions, latent_dim) if conditions else None

    def forward(self, z: Tensor) -> Tensor:
        """``[N, latent_dim]`` to ``[N, latent_dim]``: w without its conditions."""
        w = normalize_second_moment(z)
        for layer in self.layers:
            w = activate(layer(w))
        return w

    def conditioned(self, w: Tensor, conditions: Tensor) -> Tensor:
        """Add the embedding of ``[N, conditions]`` to ``[N, latent_dim]``."""
        return w if self.embed is None else w + self.embed(conditions)


def normalize_second_moment(z: Tensor) -> Tensor:
    """Scale each row of ``[N, latent_dim]`` so that the mean of its squares is one.

    PixelNorm of Karras et al., Progressive Growing of GANs (2018), section 4.2.
    """
    return z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
