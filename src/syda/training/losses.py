"""Losses of the adversarial game and its two penalties.

Logits are high for real volumes. Both penalties need gradients of gradients: they are built with
``create_graph``, without which they would train nothing.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Form = Literal["nonsaturating", "minmax", "rpgan"]
"""Of the adversarial loss.

- ``minmax``: the game's own value for both sides (Goodfellow et al., Generative Adversarial Nets,
  2014, equation 1).
- ``nonsaturating``: the same discriminator; the generator maximises ``log s(D(G(z)))`` (section 3).
- ``rpgan``: relativistic pairing, both sides look at ``D(x) - D(G(z))`` (Jolicoeur-Martineau, The
  Relativistic Discriminator, 2019, section 4; Huang et al., R3GAN, 2024, equation 2).
"""


def discriminator_loss(form: Form, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """``-log s(D(x)) - log(1 - s(D(G(z))))``, or ``-log s(D(x) - D(G(z)))`` for ``rpgan``."""
    if form == "rpgan":
        return functional.softplus(fake_logits - real_logits).mean()
    return functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()


def told_apart(form: Form, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Mean sign of the logits of real volumes, -1 to 1: how well the discriminator knows them.

    The overfitting measure r_t of Karras et al., ADA (2020), equation 1. The logits of ``rpgan``
    have no zero; there the differences of the pairs take their place.
    """
    return (real_logits - fake_logits if form == "rpgan" else real_logits).sign().mean()


def generator_loss(form: Form, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """``-log s(D(G(z)))``, ``log(1 - s(D(G(z))))`` for ``minmax``, the mirror image for ``rpgan``.

    Args:
        form: of the loss.
        real_logits: ``[N]``, what ``rpgan`` compares with; the others do not look at it.
        fake_logits: ``[N]``.
    """
    if form == "rpgan":
        return functional.softplus(real_logits - fake_logits).mean()
    if form == "minmax":
        return -functional.softplus(fake_logits).mean()
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
