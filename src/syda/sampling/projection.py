"""Projection: the style and the noise with which the generator comes as near to a scan as it can.

From the encoder's guess on, Adam moves a style for each resolution and the noise of each layer
(Abdal et al., Image2StyleGAN, 2019, and Image2StyleGAN++, 2020) against the difference of image and
tones at every scale. Priors hold the styles near those that latents give, and the noise near what
it is drawn from: what is left of the scan's own detail is in the noise, and can come near a copy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from syda.model.conditions import Conditions
from syda.model.encoder import Encoder
from syda.model.generator import Generator
from syda.model.tone import Tone
from syda.runtime import progress

STYLES = 2048
"""Drawn to learn how styles spread."""

FURTHEST = 3.0
"""Standard deviations from the mean to which the encoder's guess is held."""

FALLING_SHARE = 0.4
"""Share of the steps, the last ones, over which the learning rates fall to zero."""

WATCHED_SHARE = 0.1
"""Share of the steps over which the loss must have fallen; from one to the next it may rise."""


@dataclass(frozen=True)
class Settings:
    """How to project.

    Attributes:
        steps: at most.
        tolerance: it ends early where the least loss of the last :data:`WATCHED_SHARE` of the steps
            is not below that of those before by this share.
        style_lr: Adam's learning rate of the styles, in standard deviations of styles.
        noise_lr: that of the noise.
        style_prior: weight of the mean square of the styles, in standard deviations.
        noise_prior: weight of the mean square of the noise.
    """

    steps: int
    tolerance: float
    style_lr: float
    noise_lr: float
    style_prior: float
    noise_prior: float


@dataclass(frozen=True)
class Inputs:
    """What the synthesis network draws a volume from.

    Attributes:
        styles: ``[1, levels, latent]``, one for each resolution.
        noise: of each style layer, ``[1, 1, s, s, s]``.
    """

    styles: Tensor
    noise: list[Tensor]

    def towards(self, other: "Inputs", share: float) -> "Inputs":
        """Between these (0) and others (1), in a straight line; the ends are exact."""
        pairs = zip(self.noise, other.noise, strict=True)
        return Inputs(
            torch.lerp(self.styles, other.styles, share),
            [torch.lerp(own, target, share) for own, target in pairs],
        )


class Axes:
    """How the generator's styles vary, properties included.

    Attributes:
        columns: ``[latent, latent]``, a principal axis a column, as long as styles deviate along
            it.
    """

    @torch.no_grad()
    def __init__(self, generator: Generator, conditions: Conditions) -> None:
        rng = torch.Generator().manual_seed(0)
        told = torch.stack([conditions.encode(conditions.draw(rng, {})) for _ in range(STYLES)])
        styles = generator.style(generator.draw_latents(STYLES, rng), told)
        variances, directions = torch.linalg.eigh(torch.cov(styles.T))
        self.columns: Tensor = directions * variances.clamp(min=0).sqrt()

    def coordinates(self, offsets: Tensor) -> Tensor:
        """``[..., latent]`` offsets from the mean, in standard deviations along each axis."""
        return offsets @ (self.columns / self.columns.square().sum(dim=0).clamp(min=1e-12))

    def offsets(self, coordinates: Tensor) -> Tensor:
        """The way back."""
        return coordinates @ self.columns.T


def difference(tone: Tone, drawn: Tensor, scan: Tensor) -> Tensor:
    """Sum over scales of the mean absolute differences of images and of their tones.

    Args:
        tone: the generator's curve.
        drawn: ``[1, 1, S, S, S]`` in [-1, 1].
        scan: same shape.

    Returns:
        A number; the scales are S, S / 2, ... 4 voxels a side.
    """
    apart = torch.cat([drawn - scan, tone(drawn) - tone(scan)], dim=1)
    total = apart.abs().mean()
    while apart.shape[-1] > 4:
        apart = functional.avg_pool3d(apart, 2)
        total = total + apart.abs().mean()
    return total


class Projector:
    """Finds the inputs that draw a scan.

    Args:
        generator: released weights, which stay as they are.
        encoder: of these weights.
        conditions: the properties that the generator is given.
        dtype: of the feature maps.
    """

    def __init__(
        self, generator: Generator, encoder: Encoder, conditions: Conditions, dtype: torch.dtype
    ) -> None:
        self.generator = generator
        self.encoder = encoder
        self.axes = Axes(generator, conditions)
        self.dtype = dtype

    def project(
        self, scan: Tensor, told: Tensor, noise: Sequence[Tensor], settings: Settings
    ) -> tuple[Inputs, list[float]]:
        """Project a scan.

        Args:
            scan: ``[1, 1, S, S, S]`` in [-1, 1].
            told: ``[1, conditions]``, its properties.
            noise: to begin with, for each style layer.
            settings: how.

        Returns:
            The inputs, and the :func:`difference` at each step.
        """
        mean, places = self._start(scan, told)
        moved = [layer.clone().requires_grad_() for layer in noise]
        groups = [
            {"params": [places], "lr": settings.style_lr},
            {"params": moved, "lr": settings.noise_lr},
        ]
        optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
        steps, losses = settings.steps, list[float]()
        rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / steps))
        for _ in progress.track(range(steps), steps, "project", "steps"):
            styles = mean + self.axes.offsets(places)
            drawn = self.generator.synthesis(styles, moved, self.dtype)
            loss = difference(self.generator.synthesis.tone, drawn, scan)
            losses.append(loss.item())
            if _has_settled(losses, settings):
                break
            loss = loss + settings.style_prior * places.square().mean()
            squares = torch.stack([layer.square().mean() for layer in moved])
            loss = loss + settings.noise_prior * squares.mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch is untyped here
            optimizer.step()
            rates.step()
        styles = mean + self.axes.offsets(places)
        return Inputs(styles.detach(), [layer.detach() for layer in moved]), losses

    @torch.no_grad()
    def _start(self, scan: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        """The mean style of these properties, and where from it the encoder sees the scan."""
        average = self.generator.w_average
        guess = self.axes.coordinates(self.encoder(scan, told) - average)
        places = guess.clamp(-FURTHEST, FURTHEST)[:, None]
        places = places.repeat(1, self.generator.synthesis.levels, 1).requires_grad_()
        return self.generator.mapping.conditioned(average[None], told)[:, None], places


def _has_settled(losses: Sequence[float], settings: Settings) -> bool:
    before = max(1, round(WATCHED_SHARE * settings.steps))
    if len(losses) <= before:
        return False
    return min(losses[-before:]) > min(losses[:-before]) * (1 - settings.tolerance)


def _rate(done: float) -> float:
    """1, then half a cosine down to 0 (Karras et al., StyleGAN2, 2020, appendix D)."""
    left = min(1.0, (1 - done) / FALLING_SHARE)
    return 0.5 - 0.5 * math.cos(math.pi * left)
