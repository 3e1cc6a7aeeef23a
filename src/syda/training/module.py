"""The adversarial game as a Lightning module with two optimisers in turn.

One step, counted in images: the discriminator learns from a real and a synthetic batch, then the
generator from the same synthetic batch, judged anew. R1 and path-length regularisation are lazy:
computed every so many steps, in float32, and weighted by that number (Karras et al., StyleGAN2,
2020, section 3.1).
"""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from syda.errors import CheckFailed
from syda.model.discriminator import Discriminator
from syda.model.generator import Generator
from syda.model.layers import downsample
from syda.training import losses
from syda.training.curves import Curves
from syda.training.ema import Ema
from syda.training.recipe import Recipe

PATH_DECAY = 0.99
"""Of the running mean of path lengths (Karras et al., StyleGAN2, 2020, appendix B)."""

BETAS = (0.0, 0.99)
"""Adam's: no momentum in a game whose target moves."""


class Game(pl.LightningModule):  # type: ignore[misc]  # Lightning is untyped here
    """Generator against discriminator.

    Args:
        generator: to be trained; the average in ``ema`` is what is released.
        discriminator: its opponent, which never leaves the training.
        recipe: learning rates, penalties, lengths.

    Attributes:
        curves: the losses, as lines of the training curves.
        images_seen: images shown so far.
    """

    def __init__(self, generator: Generator, discriminator: Discriminator, recipe: Recipe) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = generator
        self.discriminator = discriminator
        self.recipe = recipe
        self.ema = Ema(generator, recipe.ema_half_life, recipe.ema_ramp)
        self.curves = Curves(recipe.log_images)
        self.rng = torch.Generator().manual_seed(recipe.seed)
        self.augment_rng = torch.Generator().manual_seed(recipe.seed)
        self.dtype_of_maps = torch.bfloat16 if recipe.bfloat16 else torch.float32
        self.path_mean = 0.0
        self.steps = 0

    @property
    def images_seen(self) -> int:
        """Images shown so far."""
        return self.steps * self.recipe.batch

    def on_fit_start(self) -> None:
        """Draw latents and noise where they are used."""
        self.rng = torch.Generator(self.device).manual_seed(self.recipe.seed)

    def configure_optimizers(self) -> Any:
        """Adam for each side."""
        return [
            torch.optim.Adam(self.generator.parameters(), self.recipe.generator_lr, BETAS),
            torch.optim.Adam(self.discriminator.parameters(), self.recipe.discriminator_lr, BETAS),
        ]

    def training_step(self, real: Tensor) -> None:
        """One step on ``[N, 1, S, S, S]`` real volumes.

        Raises:
            CheckFailed: a loss is not finite.
        """
        generator_optimizer, discriminator_optimizer = self.optimizers()
        if self.images_seen < self.recipe.coarse_images:
            real = downsample(real)
        z = self.generator.draw_latents(len(real), self.rng)
        noise = self.generator.draw_noise(len(real), self.rng, real.shape[-1])
        fake = self.generator(z, noise, dtype=self.dtype_of_maps)
        values = self._train_discriminator(real, fake.detach(), discriminator_optimizer)
        values |= self._train_generator(fake, generator_optimizer)
        self.steps += 1
        self._check(values)
        self.ema.update(self.generator, len(real), self.images_seen)
        self.curves.add(self.images_seen, values)

    @property
    def fade(self) -> float:
        """Weight of the discriminator's finest block since it joined, 0 to 1."""
        recipe = self.recipe
        if self.images_seen < recipe.coarse_images or recipe.coarse_images == 0:
            return 1.0
        return min(1.0, (self.images_seen - recipe.coarse_images) / recipe.fade_images)

    @property
    def r1_gamma(self) -> float:
        """Weight of the R1 penalty at the present side: finer volumes need more of it."""
        coarse = self.images_seen < self.recipe.coarse_images
        return self.recipe.coarse_r1_gamma if coarse else self.recipe.r1_gamma

    def _judge(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        windows = self.discriminator.windows(self.recipe.augment(images, self.augment_rng))
        logits: Tensor = self.discriminator(windows, dtype, self.fade)
        return logits

    def _train_discriminator(self, real: Tensor, fake: Tensor, optimizer: Any) -> dict[str, float]:
        recipe, values = self.recipe, {}
        penalised = self.steps % recipe.r1_interval == 0
        self.discriminator.requires_grad_(True)
        real = self.discriminator.windows(recipe.augment(real, self.augment_rng))
        real = real.requires_grad_(penalised)
        dtype = torch.float32 if penalised else self.dtype_of_maps
        real_logits = self.discriminator(real, dtype, self.fade)
        fake_logits = self._judge(fake, self.dtype_of_maps)
        loss = losses.discriminator_loss(real_logits, fake_logits)
        values["loss_d"] = loss.item()
        values["d_real"] = real_logits.mean().item()
        values["d_fake"] = fake_logits.mean().item()
        if penalised:
            penalty = losses.r1_penalty(real_logits, real)
            loss = loss + penalty * (self.r1_gamma / 2 * recipe.r1_interval)
            values["r1"] = penalty.item()
        self._step(loss, optimizer)
        return values

    def _train_generator(self, fake: Tensor, optimizer: Any) -> dict[str, float]:
        recipe, values = self.recipe, {}
        self.discriminator.requires_grad_(False)
        loss = losses.generator_loss(self._judge(fake, self.dtype_of_maps))
        values["loss_g"] = loss.item()
        if recipe.path_weight > 0 and self.steps % recipe.path_interval == 0:
            penalty = self._path_penalty(max(1, len(fake) // 2), fake.shape[-1])
            loss = loss + penalty * (recipe.path_weight * recipe.path_interval)
            values["path"] = penalty.item()
        self._step(loss, optimizer)
        return values

    def _path_penalty(self, n: int, side: int) -> Tensor:
        """``(length - running mean)^2``, Karras et al., StyleGAN2 (2020), equation 4."""
        w = self.generator.style(self.generator.draw_latents(n, self.rng))
        images = self.generator.synthesis(w, self.generator.draw_noise(n, self.rng, side))
        y = torch.randn(images.shape, generator=self.rng, device=self.device)
        lengths = losses.path_lengths(images, w, y)
        mean = lengths.mean().item()
        self.path_mean = PATH_DECAY * self.path_mean + (1 - PATH_DECAY) * mean
        return (lengths - self.path_mean).square().mean()

    def _step(self, loss: Tensor, optimizer: Any) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def _check(self, values: dict[str, float]) -> None:
        broken = [name for name, value in values.items() if not abs(value) < float("inf")]
        if broken:
            raise CheckFailed(
                f"train: {', '.join(broken)} not finite after {self.images_seen} images: lower the "
                "learning rates, or raise train.r1_gamma (train.coarse_r1_gamma at half the side)"
            )
