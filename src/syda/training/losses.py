"""Losses of the adversarial game and its two penalties.

Logits are high for real volumes. Both penalties need gradients of gradients: they are built with
``create_graph``, without which they would train nothing.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """``-log s(D(x)) - log(1 - s(D(G(z))))``, the discriminator's side of the min-max game.

    Goodfellow et al., Generative Adversarial Nets (2014), equation 1.
    """
    return functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()


def generator_loss(fake_logits: Tensor) -> Tensor:
    """``-log s(D(G(z)))``: the non-saturating form (Goodfellow et al., 2014, section 3)."""
    return functional.softplus(-fake_logits).mean()


def r1_penalty(real_logits: Tensor, windows: Tensor) -> Tensor:
    """Mean of ``||grad_x D(x)||^2`` over real volumes.

    Mescheder et al., Which Training Methods for GANs do actually Converge? (2018), equation 9,
    without the factor gamma / 2. x is what the discriminator sees, the windows: taken at the volume
    itself, the penalty would forbid the steep parts of the tone curve, which are there to be used.

    Args:
        real_logits: ``[N]``, computed from windows.
        windows: ``[N, 2, D, H, W]`` of real volumes, requires gradients.
    """
    (gradient,) = torch.autograd.grad(real_logits.sum(), windows, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3, 4)).mean()


def path_lengths(images: Tensor, w: Tensor, noise: Tensor) -> Tensor:
    """``||J_w^T y||`` of each sample, y of unit expected norm.

    Karras et al., StyleGAN2 (2020), equation 4. The noise is divided by the root of the number of
    voxels, D H W in three dimensions, so that the length does not depend on the resolution.

    Args:
        images: ``[N, 1, D, H, W]``, computed from w.
        w: ``[N, latent]`` that requires gradients.
        noise: standard normal, shape of images.

    Returns:
        ``[N]``, with a graph to the weights.
    """
    y = noise / math.sqrt(math.prod(images.shape[2:]))
    (gradient,) = torch.autograd.grad((images * y).sum(), w, create_graph=True)
    # An untrained generator draws the same for every w: the root's slope must stay finite at zero.
    return (gradient.square().sum(dim=1) + 1e-12).sqrt()
