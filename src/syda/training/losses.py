"""Adversarial losses and penalties. Logits are high for real volumes.

Both penalties need second derivatives: their gradients are built with ``create_graph``.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

LossForm = Literal["nonsaturating", "minmax", "rpgan"]
"""Form of the adversarial loss.

- ``minmax``: the value of the min-max game (Goodfellow et al., Generative Adversarial Nets, 2014,
  equation 1).
- ``nonsaturating``: the same discriminator; the generator maximises ``log s(D(G(z)))`` (section 3).
- ``rpgan``: relativistic pairing of ``D(x) - D(G(z))`` (Jolicoeur-Martineau, The Relativistic
  Discriminator, 2019, section 4; Huang et al., R3GAN, 2024, equation 2).
"""


def discriminator_loss(form: LossForm, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """``-log s(D(x)) - log(1 - s(D(G(z))))``, or ``-log s(D(x) - D(G(z)))`` for ``rpgan``."""
    if form == "rpgan":
        return functional.softplus(fake_logits - real_logits).mean()
    return functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()


def ada_rt(form: LossForm, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Overfitting measure r_t: mean sign of the logits of real volumes, -1 to 1.

    Karras et al., ADA (2020), equation 1. The logits of ``rpgan`` have no zero: there it is the
    mean sign of the differences of pairs.
    """
    return (real_logits - fake_logits if form == "rpgan" else real_logits).sign().mean()


def diversity_ratio(fake: Tensor, real: Tensor) -> float:
    """Standard deviation between synthetic volumes of a batch over that between real ones.

    Args:
        fake: ``[N, 1, S, S, S]``, the whole batch, N of at least 2.
        real: same shape.

    Returns:
        The ratio of the two, each averaged over voxels.
    """
    fake_deviation, real_deviation = (images.std(dim=0).mean().item() for images in (fake, real))
    return fake_deviation / max(real_deviation, 1e-6)


def generator_loss(form: LossForm, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """``-log s(D(G(z)))``, ``log(1 - s(D(G(z))))`` for ``minmax``, paired for ``rpgan``.

    Args:
        form: of the loss.
        real_logits: ``[N]``; used by ``rpgan`` only.
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
    without the factor gamma / 2. x is the discriminator's input with both channels. With respect to
    the volume alone, the penalty would suppress the steep parts of the intensity curve.

    Args:
        real_logits: ``[N]``, computed from windows.
        windows: ``[N, 2, D, H, W]`` of real volumes, requires gradients.
    """
    (gradient,) = torch.autograd.grad(real_logits.sum(), windows, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3, 4)).mean()


def path_lengths(images: Tensor, w: Tensor, noise: Tensor) -> Tensor:
    """``||J_w^T y||`` of each sample, y of unit expected norm.

    Karras et al., StyleGAN2 (2020), equation 4. The noise is divided by the square root of the
    number of voxels, D H W in three dimensions, so that the length does not depend on the
    resolution.

    Args:
        images: ``[N, 1, D, H, W]``, computed from w.
        w: ``[N, latent_dim]``, requires gradients.
        noise: standard normal, shape of images.

    Returns:
        ``[N]``, with a graph to the weights.
    """
    y = noise / math.sqrt(math.prod(images.shape[2:]))
    (gradient,) = torch.autograd.grad((images * y).sum(), w, create_graph=True)
    # The gradient of an untrained generator is zero: the root's slope must be finite there.
    return (gradient.square().sum(dim=1) + 1e-12).sqrt()
