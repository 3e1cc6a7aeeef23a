"""The adversarial game as a Lightning module with two optimisers in turn.

One step, counted in images: the discriminator learns from a real and a synthetic batch, then the
generator from the same synthetic batch, judged anew. Synthetic volumes are asked for with the
properties of the real ones beside them. R1 and path-length regularisation are lazy: computed every
so many steps, in float32, and weighted by that number (Karras et al., StyleGAN2, 2020, section
3.1).
"""

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from syda.errors import CheckFailed
from syda.model.conditions import Conditions
from syda.model.discriminator import Discriminator
from syda.model.generator import Generator
from syda.model.layers import downsample
from syda.training import devices, losses
from syda.training.curves import Curves
from syda.training.draws import Draws
from syda.training.ema import Ema
from syda.training.muon import Muon
from syda.training.recipe import Recipe
from syda.training.referee import Referee

PATH_DECAY = 0.99
"""Of the running mean of path lengths (Karras et al., StyleGAN2, 2020, appendix B)."""


class Game(pl.LightningModule):  # type: ignore[misc]  # Lightning is untyped here
    """Generator against discriminator.

    Args:
        generator: to be trained; the average in ``ema`` is what is released.
        discriminator: its opponent, which never leaves the training.
        conditions: the properties that both are given.
        recipe: learning rates, penalties, lengths.
        place: which of several processes this is.

    Attributes:
        curves: the losses, as lines of the training curves.
        images_seen: images shown so far.
        augment_probability: of each kind of change, at present.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        conditions: Conditions,
        recipe: Recipe,
        place: devices.Place,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = generator
        self.discriminator = discriminator
        self.conditions = conditions
        self.recipe = recipe
        self.place = place
        generator.synthesis.recompute = discriminator.recompute = recipe.recompute
        generator.synthesis.at_once = discriminator.at_once = recipe.microbatch
        self.ema = Ema(generator, recipe.ema_half_life, recipe.ema_ramp)
        self.curves = Curves(recipe.log_images)
        self.referee = Referee(recipe.patience_images)
        self.rng = torch.Generator().manual_seed(recipe.seed)
        self.augment_rng = torch.Generator().manual_seed(recipe.seed)
        self.dtype_of_maps = torch.bfloat16 if recipe.bfloat16 else torch.float32
        self.augment_probability = recipe.augment_probability
        self.path_mean = 0.0
        self.steps = 0

    @property
    def images_seen(self) -> int:
        """Images shown so far."""
        return self.steps * self.recipe.batch

    def on_fit_start(self) -> None:
        """Draw latents and noise where they are used."""
        self.rng = torch.Generator(self.device).manual_seed(self.recipe.seed)

    def state(self) -> dict[str, Any]:
        """Everything that decides how the training goes on: tensors, numbers, text."""
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._own_optimizers()],
            "rng": self.rng.get_state(),
            "augment_rng": self.augment_rng.get_state(),
            "augment_probability": self.augment_probability,
            "path_mean": self.path_mean,
            "steps": self.steps,
            "curves": {"lines": self.curves.lines, "open": self.curves.open},
            "good_until": self.referee.good_until,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a :meth:`state`; the optimisers exist already."""
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.ema.load_state_dict(state["ema"])
        for optimizer, own in zip(self._own_optimizers(), state["optimizers"], strict=True):
            optimizer.load_state_dict(own)
        self.rng.set_state(state["rng"])
        self.augment_rng.set_state(state["augment_rng"])
        self.augment_probability = state["augment_probability"]
        self.path_mean = state["path_mean"]
        self.steps = state["steps"]
        self.curves.lines, self.curves.open = state["curves"]["lines"], state["curves"]["open"]
        self.referee.good_until = state["good_until"]

    def _own_optimizers(self) -> list[Muon]:
        """The optimisers themselves: what is loaded into Lightning's wrappers is not used."""
        found: list[Muon] = self.optimizers(use_pl_optimizer=False)
        return found

    def configure_optimizers(self) -> Any:
        """Muon for each side."""
        return [
            Muon(self.generator.parameters(), self.recipe.generator_lr),
            Muon(self.discriminator.parameters(), self.recipe.discriminator_lr),
        ]

    def training_step(self, batch: tuple[Tensor, Tensor]) -> None:
        """One step on real volumes ``[N, 1, S, S, S]`` and their properties ``[N, C]``.

        N is this process's part of ``recipe.batch``.

        Raises:
            CheckFailed: a loss is not finite, or one side has won for long.
        """
        real, conditions = batch
        generator_optimizer, discriminator_optimizer = self.optimizers()
        self._set_rate(generator_optimizer, self.recipe.generator_lr)
        self._set_rate(discriminator_optimizer, self.recipe.discriminator_lr)
        if self.images_seen < self.recipe.coarse_images:
            real = downsample(real)
        told = self.tell(conditions)
        w = self._styles(told)
        noise = self._noise(len(real), real.shape[-1])
        fake = self.generator.synthesis(w, noise, self.dtype_of_maps)
        values = self._train_discriminator(real, fake.detach(), told, discriminator_optimizer)
        values |= self._train_generator(real, fake, told, generator_optimizer)
        spread_now = spread(devices.gather(fake.detach()), devices.gather(real))
        values |= {"spread": spread_now, "augment": self.augment_probability}
        values = {name: self._over_all(value) for name, value in values.items()}
        self.steps += 1
        self._check(values)
        self.ema.update(self.generator, self.recipe.batch, self.images_seen)
        self._adapt(values["told_apart"])
        if self.curves.add(self.images_seen, values):
            self.referee.judge(self.curves.lines[-1])

    @property
    def _changes(self) -> Draws:
        """What is changed at random, drawn on the CPU."""
        return Draws(self.augment_rng, self.place)

    def _latents(self, n: int) -> Tensor:
        return self.place.own(self.generator.draw_latents(n * self.place.world, self.rng))

    def _noise(self, n: int, side: int) -> list[Tensor]:
        whole = self.generator.draw_noise(n * self.place.world, self.rng, side)
        return [self.place.own(layer) for layer in whole]

    @property
    def fade(self) -> float:
        """Weight of the discriminator's finest block since it joined, 0 to 1."""
        recipe = self.recipe
        if self.images_seen < recipe.coarse_images or recipe.coarse_images == 0:
            return 1.0
        return min(1.0, (self.images_seen - recipe.coarse_images) / recipe.fade_images)

    def _set_rate(self, optimizer: Any, full: float) -> None:
        images, decay = self.recipe.images, self.recipe.decay_share * self.recipe.images
        left = max(0, images - self.images_seen)
        for group in optimizer.param_groups:
            group["lr"] = full * left / decay if left < decay else full

    def r1_gamma(self, real: Tensor) -> float:
        """Weight of the R1 penalty for volumes of this side: see :class:`Recipe`."""
        return self.recipe.r1_weight * real[0, 0].numel() / self.recipe.batch

    def tell(self, conditions: Tensor) -> Tensor:
        """Properties as both sides get them: some left out, numbers blurred, at random.

        A handful of exact numbers would name a patient, and what is learnt for that patient alone
        would be that patient (vicinal labels: Ding et al., CcGAN, 2021, section 2.2).

        Args:
            conditions: ``[N, C]``.
        """
        draws, n = self._changes, len(conditions)
        kept = self.conditions.keep(draws.uniform(n, len(self.conditions.names)))
        kept = (kept >= self.recipe.property_dropout).to(conditions)
        blur = draws.normal(*conditions.shape) * self.conditions.values()
        return (conditions + blur.to(conditions) * self.recipe.property_blur) * kept

    def _styles(self, conditions: Tensor) -> Tensor:
        """Styles ``[N, levels, latent]``, some of two latents.

        Karras et al., StyleGAN (2019), section 3.1.
        """
        n, levels = len(conditions), self.generator.synthesis.levels
        w = self.generator.style(self._latents(n), conditions)
        w = w[:, None].expand(-1, levels, -1)
        if self.recipe.style_mixing == 0 or levels == 1:
            return w
        other = self.generator.style(self._latents(n), conditions)
        start = self._changes.integers(1, levels, n, 1)
        mixed = self._changes.uniform(n, 1) < self.recipe.style_mixing
        second = (torch.arange(levels) >= start) & mixed
        return torch.where(second[..., None].to(w.device), other[:, None], w)

    def _see(self, images: Tensor) -> Tensor:
        """What the discriminator is shown of volumes: changed at random, in two windows."""
        changed = self.recipe.augment(images, self.augment_probability, self._changes)
        return self.discriminator.windows(changed)

    def _judge(self, images: Tensor, conditions: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(
            self._see(images), conditions, self.dtype_of_maps, self.fade
        )
        return logits

    def _train_discriminator(
        self, real: Tensor, fake: Tensor, conditions: Tensor, optimizer: Any
    ) -> dict[str, float]:
        recipe, values = self.recipe, {}
        penalised = self.steps % recipe.r1_interval == 0
        self.discriminator.requires_grad_(True)
        seen = self._see(real).requires_grad_(penalised)
        dtype = torch.float32 if penalised else self.dtype_of_maps
        real_logits = self.discriminator(seen, conditions, dtype, self.fade)
        fake_logits = self._judge(fake, conditions)
        loss = losses.discriminator_loss(recipe.loss, real_logits, fake_logits)
        values["loss_d"] = loss.item()
        values["d_real"] = real_logits.mean().item()
        values["d_fake"] = fake_logits.mean().item()
        values["told_apart"] = losses.told_apart(recipe.loss, real_logits, fake_logits).item()
        if penalised:
            penalty = losses.r1_penalty(real_logits, seen)
            loss = loss + penalty * (self.r1_gamma(real) / 2 * recipe.r1_interval)
            values["r1"] = penalty.item()
        self._step(loss, optimizer)
        return values

    def _train_generator(
        self, real: Tensor, fake: Tensor, conditions: Tensor, optimizer: Any
    ) -> dict[str, float]:
        recipe, values = self.recipe, {}
        self.discriminator.requires_grad_(False)
        logits = self._judge(fake, conditions)
        beside = self._judge(real, conditions) if recipe.loss == "rpgan" else logits
        loss = losses.generator_loss(recipe.loss, beside, logits)
        values["loss_g"] = loss.item()
        if recipe.path_weight > 0 and self.steps % recipe.path_interval == 0:
            penalty = self._path_penalty(conditions, fake.shape[-1])
            loss = loss + penalty * (recipe.path_weight * recipe.path_interval)
            values["path"] = penalty.item()
        self._step(loss, optimizer)
        return values

    def _path_penalty(self, conditions: Tensor, side: int) -> Tensor:
        """``(length - running mean)^2``, Karras et al., StyleGAN2 (2020), equation 4.

        Taken over half of the whole batch, every other volume (appendix B). The processes' shares
        of it can differ by one and be empty, so each adds what makes their mean that of the half.

        Args:
            conditions: ``[N, C]``, of this process's part of the batch.
            side: of the volumes.
        """
        part, place = len(conditions), self.place
        half = math.ceil(part * place.world / 2)
        own = slice(*(math.ceil(part * rank / 2) for rank in (place.rank, place.rank + 1)))
        latents = self.generator.draw_latents(half, self.rng)[own]
        noise = [layer[own] for layer in self.generator.draw_noise(half, self.rng, side)]
        y = torch.randn(half, 1, side, side, side, generator=self.rng, device=self.device)[own]
        lengths = y.new_zeros(0)
        if len(y):
            w = self.generator.style(latents, conditions[part * place.rank % 2 :: 2])
            images = self.generator.synthesis(w, noise)
            lengths = losses.path_lengths(images, w, y)
        share = place.world / half
        mean = self._over_all(lengths.sum().item() * share)
        self.path_mean = PATH_DECAY * self.path_mean + (1 - PATH_DECAY) * mean
        return (lengths - self.path_mean).square().sum() * share

    def _over_all(self, value: float) -> float:
        """The mean over all processes: all of them must decide alike."""
        if self.place.world == 1:
            return value
        whole = torch.tensor(value, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(whole)
        return whole.item() / self.place.world

    def _step(self, loss: Tensor, optimizer: Any) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        devices.average(p for group in optimizer.param_groups for p in group["params"])
        optimizer.step()

    def _adapt(self, told_apart: float) -> None:
        """Change what is seen more often while the discriminator knows the real volumes too well.

        Karras et al., ADA (2020), section 3.1, equation 1 (r_t), in fixed steps towards the target.
        """
        recipe = self.recipe
        if recipe.augment_target == 0:
            return
        size = recipe.batch / recipe.augment_images
        step = math.copysign(size, told_apart - recipe.augment_target)
        moved = self.augment_probability + step
        self.augment_probability = min(max(moved, 0.0), recipe.augment_limit)

    def check_weights(self) -> None:
        """Look at the weights before they are kept: a loss tells of those before its step.

        Raises:
            CheckFailed: some are not finite.
        """
        broken = [name for name, own in self.named_parameters() if not own.isfinite().all()]
        if self._over_all(len(broken)) > 0:
            raise CheckFailed(
                f"train: weights of {broken[0] if broken else 'another process'} not finite after "
                f"{self.images_seen} images: lower the learning rates, or raise train.r1_weight"
            )

    def _check(self, values: dict[str, float]) -> None:
        broken = [name for name, value in values.items() if not abs(value) < float("inf")]
        if broken:
            raise CheckFailed(
                f"train: {', '.join(broken)} not finite after {self.images_seen} images: lower the "
                "learning rates, or raise train.r1_weight"
            )


def spread(fake: Tensor, real: Tensor) -> float:
    """Standard deviation between synthetic volumes of a batch over that of the real ones.

    Args:
        fake: ``[N, 1, S, S, S]``, the whole batch, N of at least 2.
        real: same shape.

    Returns:
        Mean over voxels of each, as a ratio.
    """
    own, other = (images.std(dim=0).mean().item() for images in (fake, real))
    return own / max(other, 1e-6)
