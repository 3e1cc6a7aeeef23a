"""The approximate posterior of the latent: which z a training scan could have been drawn from.

The generator is also the decoder of a conditional variational autoencoder, so that z, and not the
conditions alone, decides what differs between scans (Larsen et al., Autoencoding beyond pixels
using a learned similarity metric, 2016; Zhu et al., Toward Multimodal Image-to-Image Translation,
2017, section 3). The posterior is linear: scans differ nearly linearly in equalised values. It
reads scans of the training and is not released.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from syda.model.intensity_curve import IntensityCurve
from syda.model.layers import EqualizedLinear

RESOLUTION = 16
"""Voxels along each axis of the low-resolution volume that is read."""

INITIAL_LOG_VARIANCE = -2.0
"""Of every latent, before training: the decoder must be able to tell scans apart at first."""

GAIN = 4.0
"""Of input and output, so that the first estimates of different scans differ by about one."""


class Posterior(nn.Module):
    """Mean and log-variance of z, given a volume and its conditions.

    Args:
        latent_dim: length of z.
        conditions: length of the condition vector; 0 for none.

    Attributes:
        intensity_curve: that of the generator, once fitted.
        mean: ``[1, features]``, mean of the equalised training volumes.
        variance: their variance, averaged over voxels.

    >>> posterior = Posterior(latent_dim=6, conditions=2)
    >>> posterior.fit(torch.rand(5, 1, 32, 32, 32))
    >>> mean, log_variance = posterior(torch.zeros(3, 1, 16, 16, 16), torch.zeros(3, 2))
    >>> mean.shape, log_variance.shape
    (torch.Size([3, 6]), torch.Size([3, 6]))
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, latent_dim: int, conditions: int) -> None:
        super().__init__()
        self.intensity_curve = IntensityCurve()
        self.linear = EqualizedLinear(RESOLUTION**3 + conditions, 2 * latent_dim, gain=GAIN)
        self.register_buffer("mean", torch.zeros(1, RESOLUTION**3))
        self.register_buffer("variance", torch.ones(()))

    def fit(self, images: Tensor) -> None:
        """Fit curve and mean to the training volumes, ``[cases, 1, S, S, S]`` in [-1, 1]."""
        self.intensity_curve.fit(images)
        self.mean.copy_(self._values(images).mean(dim=0, keepdim=True))
        self.variance.copy_(self.intensity_curve(images).var(dim=0, correction=0).mean())

    def forward(self, images: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of z, each ``[N, latent_dim]``.

        Args:
            images: ``[N, 1, S, S, S]`` in [-1, 1].
            conditions: ``[N, conditions]``.
        """
        centred = (self._values(images) - self.mean) * GAIN
        mean, log_variance = self.linear(torch.cat([centred, conditions], dim=1)).chunk(2, dim=1)
        return mean, log_variance + INITIAL_LOG_VARIANCE

    def _values(self, images: Tensor) -> Tensor:
        """``[N, RESOLUTION^3]`` equalised values, averaged or repeated to that resolution."""
        return functional.adaptive_avg_pool3d(self.intensity_curve(images), RESOLUTION).flatten(1)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Divergence of the posterior from the standard normal prior, nats, mean over ``[N, d]``.

    Kingma and Welling, Auto-Encoding Variational Bayes (2014), appendix B.

    >>> kl_divergence(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2))
    tensor(0.5000)
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
