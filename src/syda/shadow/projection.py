"""Projection: the styles and the noise with which the generator comes closest to a scan.

Adam starts at the encoder's estimate and optimises a style for each resolution and the noise of
each layer (Abdal et al., Image2StyleGAN, 2019, and Image2StyleGAN++, 2020). The loss compares
images and their intensity curves at every scale. Priors keep the styles near those of sampled
latents, and the noise near a normal distribution. The noise holds the remaining detail of the scan
and can make the result nearly a copy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from syda.model.conditions import ConditionSchema
from syda.model.encoder import Encoder
from syda.model.generator import Generator
from syda.model.intensity_curve import IntensityCurve
from syda.runtime import progress
from syda.shadow.config import ShadowParams

STYLE_SAMPLES = 2048
"""Styles sampled to estimate their covariance."""

MAX_DEVIATIONS = 3.0
"""Standard deviations from the mean style to which the encoder's estimate is clamped."""

DECAY_SHARE = 0.4
"""Share of the steps, the last ones, over which the learning rates fall to zero."""

PATIENCE_SHARE = 0.1
"""Share of the steps over which the loss must fall; single steps may raise it."""


@dataclass(frozen=True)
class SynthesisInputs:
    """Inputs of the synthesis network.

    Attributes:
        styles: ``[1, levels, latent_dim]``, one for each resolution.
        noise: of each style layer, ``[1, 1, s, s, s]``.
    """

    styles: Tensor
    noise: list[Tensor]

    def interpolate(self, other: "SynthesisInputs", share: float) -> "SynthesisInputs":
        """Interpolate linearly between these inputs (0) and others (1); the ends are exact."""
        pairs = zip(self.noise, other.noise, strict=True)
        return SynthesisInputs(
            torch.lerp(self.styles, other.styles, share),
            [torch.lerp(first, second, share) for first, second in pairs],
        )


class LatentCoordinates:
    """Coordinates of styles along their principal axes, in standard deviations.

    Attributes:
        columns: ``[latent_dim, latent_dim]``, a principal axis in each column; its length is the
            standard deviation of the styles along it.
        unconditioned_mean: ``[1, latent_dim]``, mean style without its conditions.
    """

    @torch.no_grad()
    def __init__(self, generator: Generator, conditions: ConditionSchema) -> None:
        rng = torch.Generator().manual_seed(0)
        sampled = [conditions.encode(conditions.sample(rng, {})) for _ in range(STYLE_SAMPLES)]
        latents = generator.draw_latents(STYLE_SAMPLES, rng)
        styles = generator.style(latents, torch.stack(sampled))
        self.unconditioned_mean = generator.mapping(latents).mean(dim=0, keepdim=True)
        variances, directions = torch.linalg.eigh(torch.cov(styles.T))
        self.columns: Tensor = directions * variances.clamp(min=0).sqrt()

    def coordinates(self, offsets: Tensor) -> Tensor:
        """Return ``[..., latent_dim]`` offsets from the mean style in standard deviations."""
        return offsets @ (self.columns / self.columns.square().sum(dim=0).clamp(min=1e-12))

    def offsets(self, coordinates: Tensor) -> Tensor:
        """Return the offsets of coordinates."""
        return coordinates @ self.columns.T


def difference(curve: IntensityCurve, image: Tensor, scan: Tensor) -> Tensor:
    """Sum over scales of the mean absolute difference of images and of their mapped intensities.

    Args:
        curve: the generator's intensity curve.
        image: ``[1, 1, S, S, S]`` in [-1, 1].
        scan: same shape.

    Returns:
        A scalar. The scales have S, S / 2, ..., 4 voxels a side.

    >>> image = torch.zeros(1, 1, 8, 8, 8)
    >>> difference(IntensityCurve(), image, image + 0.5).item()
    1.0
    """
    apart = torch.cat([image - scan, curve(image) - curve(scan)], dim=1)
    total = apart.abs().mean()
    while apart.shape[-1] > 4:
        apart = functional.avg_pool3d(apart, 2)
        total = total + apart.abs().mean()
    return total


class Projector:
    """Finds the synthesis inputs that reproduce a scan.

    Args:
        generator: its weights do not change.
        encoder: of this generator.
        conditions: the generator's conditions.
        dtype: of the feature maps.
    """

    def __init__(
        self,
        generator: Generator,
        encoder: Encoder,
        conditions: ConditionSchema,
        dtype: torch.dtype,
    ) -> None:
        self.generator = generator
        self.encoder = encoder
        self.latents = LatentCoordinates(generator, conditions)
        self.dtype = dtype

    def project(
        self, scan: Tensor, conditions: Tensor, noise: Sequence[Tensor], params: ShadowParams
    ) -> tuple[SynthesisInputs, list[float]]:
        """Project a scan.

        Args:
            scan: ``[1, 1, S, S, S]`` in [-1, 1].
            conditions: ``[1, conditions]``, of the scan.
            noise: initial noise of each style layer.
            params: steps, learning rates, priors and tolerance.

        Returns:
            The inputs, and the :func:`difference` at each step.
        """
        mean, coordinates = self._start(scan, conditions)
        free_noise = [layer.clone().requires_grad_() for layer in noise]
        groups = [
            {"params": [coordinates], "lr": params.style_lr},
            {"params": free_noise, "lr": params.noise_lr},
        ]
        optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
        steps, losses = params.steps, list[float]()
        rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / steps))
        for _ in progress.track(range(steps), steps, "project", "steps"):
            styles = mean + self.latents.offsets(coordinates)
            image = self.generator.synthesis(styles, free_noise, self.dtype)
            loss = difference(self.generator.synthesis.intensity_curve, image, scan)
            losses.append(loss.item())
            if _has_settled(losses, params):
                break
            loss = loss + params.style_prior * coordinates.square().mean()
            squares = torch.stack([layer.square().mean() for layer in free_noise])
            loss = loss + params.noise_prior * squares.mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch is untyped here
            optimizer.step()
            rates.step()
        styles = mean + self.latents.offsets(coordinates)
        return SynthesisInputs(styles.detach(), [layer.detach() for layer in free_noise]), losses

    @torch.no_grad()
    def _start(self, scan: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean style under these conditions and the initial coordinates."""
        mean = self.generator.mapping.conditioned(self.latents.unconditioned_mean, conditions)
        guess = self.latents.coordinates(self.encoder(scan, conditions) - mean)
        coordinates = guess.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS)[:, None]
        coordinates = coordinates.repeat(1, self.generator.synthesis.levels, 1).requires_grad_()
        return mean[:, None], coordinates


def _has_settled(losses: Sequence[float], params: ShadowParams) -> bool:
    before = max(1, round(PATIENCE_SHARE * params.steps))
    if len(losses) <= before:
        return False
    return min(losses[-before:]) > min(losses[:-before]) * (1 - params.tolerance)


def _rate(done: float) -> float:
    """1, then half a cosine down to 0 (Karras et al., StyleGAN2, 2020, appendix D)."""
    left = min(1.0, (1 - done) / DECAY_SHARE)
    return 0.5 - 0.5 * math.cos(math.pi * left)
