"""The adversarial training as a Lightning module with two optimisers.

In each step of an adversarial stage the discriminator learns from a real and a synthetic batch,
then the generator from the same synthetic batch. Synthetic volumes have the conditions of the real
ones. R1 and path-length regularisation are lazy: computed at intervals, in float32, and weighted by
the interval (Karras et al., StyleGAN2, 2020, section 3.1). In every stage the generator also
reconstructs the real batch from its posterior (:mod:`syda.training.posterior`).
"""

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from syda.errors import CheckFailed
from syda.model.conditions import ConditionSchema
from syda.model.discriminator import Discriminator
from syda.model.generator import Generator
from syda.model.layers import downsample
from syda.training import distributed, losses, schedule
from syda.training.augment import augment
from syda.training.config import TrainParams
from syda.training.curves import Curves
from syda.training.divergence import DivergenceMonitor
from syda.training.ema import Ema
from syda.training.muon import Muon
from syda.training.path_length import PathLengthPenalty
from syda.training.posterior import Posterior, kl_divergence
from syda.training.sharded_rng import ShardedRNG


class StyleGANModule(pl.LightningModule):  # type: ignore[misc]  # Lightning is untyped here
    """Generator and discriminator in training.

    Args:
        generator: to be trained; the average in ``ema`` is released.
        discriminator: it is never released.
        posterior: of the latents of real volumes; it is never released.
        schema: the properties that condition both networks.
        params: section ``train``.
        processes: rank and number of processes.

    Attributes:
        curves: lines of the training curves.
        images_seen: number of real images shown.
        augment_probability: current probability of each kind of augmentation.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        posterior: Posterior,
        schema: ConditionSchema,
        params: TrainParams,
        processes: distributed.DistributedInfo,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = generator
        self.discriminator = discriminator
        self.posterior = posterior
        self.schema = schema
        self.params = params
        self.processes = processes
        generator.synthesis.recompute = discriminator.recompute = params.recompute
        generator.synthesis.microbatch_size = discriminator.microbatch_size = params.microbatch
        self.ema = Ema(generator, params.ema_half_life, params.ema_ramp)
        self.curves = Curves(params.log_images)
        self.divergence = DivergenceMonitor(params.patience_images)
        self.rng = torch.Generator().manual_seed(params.seed)
        self.augment_rng = torch.Generator().manual_seed(params.seed)
        self.activation_dtype = params.activation_dtype()
        self.augment_probability = params.augment.probability
        self.path_penalty = PathLengthPenalty(generator, processes)
        self.steps = self.images_seen = 0

    def on_fit_start(self) -> None:
        """Create the generator of latents and noise on the device that uses them."""
        self.rng = torch.Generator(self.device).manual_seed(self.params.seed)

    def state(self) -> dict[str, Any]:
        """Return everything that determines how the training continues."""
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "posterior": self.posterior.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._plain_optimizers()],
            "rng": self.rng.get_state(),
            "augment_rng": self.augment_rng.get_state(),
            "augment_probability": self.augment_probability,
            "path_mean": self.path_penalty.mean,
            "steps": self.steps,
            "images_seen": self.images_seen,
            "curves": {"lines": self.curves.lines, "open": self.curves.open},
            "last_healthy": self.divergence.last_healthy,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a :meth:`state`; the optimisers must exist."""
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.posterior.load_state_dict(state["posterior"])
        self.ema.load_state_dict(state["ema"])
        for optimizer, saved in zip(self._plain_optimizers(), state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.rng.set_state(state["rng"])
        self.augment_rng.set_state(state["augment_rng"])
        self.augment_probability = state["augment_probability"]
        self.path_penalty.mean = state["path_mean"]
        self.steps, self.images_seen = state["steps"], state["images_seen"]
        self.curves.lines, self.curves.open = state["curves"]["lines"], state["curves"]["open"]
        self.divergence.last_healthy = state["last_healthy"]

    def _plain_optimizers(self) -> list[Muon]:
        """Return the optimisers without Lightning's wrappers, which ignore loaded state."""
        found: list[Muon] = self.optimizers(use_pl_optimizer=False)
        return found

    def configure_optimizers(self) -> Any:
        """Return an optimiser for each network."""
        return [Muon(network.parameters(), full) for network, full in self._learning_rates()]

    def _learning_rates(self) -> list[tuple[nn.Module, float]]:
        """Return each network with its full learning rate."""
        return [
            (self.generator, self.params.generator_lr),
            (self.discriminator, self.params.discriminator_lr),
            (self.posterior, self.params.reconstruction.learning_rate),
        ]

    def training_step(self, batch: tuple[Tensor, Tensor]) -> None:
        """Take one step on a shard of real volumes ``[N, 1, S, S, S]`` and conditions ``[N, C]``.

        Raises:
            CheckFailed: a loss is not finite, or the training has collapsed.
        """
        real, conditions = batch
        stage, _ = schedule.stage_at(self.images_seen, self.params)
        optimizers = self.optimizers()
        for optimizer, (_, full) in zip(optimizers, self._learning_rates(), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = schedule.learning_rate(full, self.images_seen, self.params)
        while real.shape[-1] > stage.side:
            real = downsample(real)
        conditions = self.corrupt_conditions(conditions)
        loss, values = real.new_zeros(()), {"augment": self.augment_probability}
        updated = optimizers[:1]
        if stage.adversarial:
            fake = self.generator.synthesis(
                self._styles(conditions), self._noise(len(real), stage.side), self.activation_dtype
            )
            values |= self._train_discriminator(real, fake.detach(), conditions, optimizers[1])
            loss, of_generator = self._adversarial_loss(real, fake, conditions)
            whole = distributed.all_gather(fake.detach()), distributed.all_gather(real)
            values |= of_generator | {"spread": losses.diversity_ratio(*whole)}
        if self.params.reconstruction.weight > 0:
            reconstruction, of_posterior = self._reconstruction_loss(real, conditions)
            loss, values = loss + reconstruction, values | of_posterior
            updated += optimizers[2:]
        self._step(loss, *updated)
        values = {name: self._all_reduce_mean(value) for name, value in values.items()}
        self.steps += 1
        self.images_seen += stage.batch
        self._check_losses(values)
        self.ema.update(self.generator, stage.batch, self.images_seen)
        if stage.adversarial:
            self.augment_probability = schedule.ada_probability(
                self.augment_probability, values["ada_rt"], stage.batch, self.params
            )
        if self.curves.add(self.images_seen, values):
            self.divergence.update(self.curves.lines[-1])

    @property
    def _augment_rng(self) -> ShardedRNG:
        """Source of augmentation, style mixing and corrupted conditions, on the CPU."""
        return ShardedRNG(self.augment_rng, self.processes)

    def _latents(self, n: int) -> Tensor:
        whole = self.generator.draw_latents(n * self.processes.world_size, self.rng)
        return self.processes.shard(whole)

    def _noise(self, n: int, resolution: int) -> list[Tensor]:
        n *= self.processes.world_size
        whole = self.generator.draw_noise(n, self.rng, resolution)
        return [self.processes.shard(layer) for layer in whole]

    def r1_gamma(self, real: Tensor) -> float:
        """Return gamma of the R1 penalty, ``r1_weight * voxels / batch``.

        The rule of Karras et al., ADA (2020), appendix C, with voxels for pixels: the penalty sums
        over voxels, so that finer volumes need more.
        """
        batch = len(real) * self.processes.world_size
        return self.params.r1_weight * real[0, 0].numel() / batch

    def corrupt_conditions(self, conditions: Tensor) -> Tensor:
        """Drop properties and add noise to numbers, at random, for both networks.

        A few exact numbers would identify a patient, and the model could learn that patient
        (vicinal labels: Ding et al., CcGAN, 2021, section 2.2).

        Args:
            conditions: ``[N, C]``.
        """
        rng, n = self._augment_rng, len(conditions)
        mask = self.schema.expand_mask(rng.uniform(n, len(self.schema.names)))
        mask = (mask >= self.params.property_dropout).to(conditions)
        noise = rng.normal(*conditions.shape) * self.schema.numeric_mask()
        return (conditions + noise.to(conditions) * self.params.property_blur) * mask

    def _styles(self, conditions: Tensor) -> Tensor:
        """Return styles ``[N, levels, latent_dim]``, some mixed from two latents.

        Karras et al., StyleGAN (2019), section 3.1.
        """
        n, levels = len(conditions), self.generator.synthesis.levels
        w = self.generator.style(self._latents(n), conditions)
        w = w[:, None].expand(-1, levels, -1)
        if self.params.style_mixing == 0 or levels == 1:
            return w
        other = self.generator.style(self._latents(n), conditions)
        start = self._augment_rng.integers(1, levels, n, 1)
        mixed = self._augment_rng.uniform(n, 1) < self.params.style_mixing
        second = (torch.arange(levels) >= start) & mixed
        return torch.where(second[..., None].to(w.device), other[:, None], w)

    def _augment(self, images: Tensor) -> Tensor:
        """Return the discriminator's input: augmented volumes, in two channels."""
        probability = self.augment_probability
        images = augment(images, self.params.augment, probability, self._augment_rng)
        return self.discriminator.windows(images)

    @property
    def _fade(self) -> float:
        return schedule.fade(self.images_seen, self.params)

    def _discriminate(self, images: Tensor, conditions: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(
            self._augment(images), conditions, self.activation_dtype, self._fade
        )
        return logits

    def _train_discriminator(
        self, real: Tensor, fake: Tensor, conditions: Tensor, optimizer: Any
    ) -> dict[str, float]:
        params, values = self.params, {}
        penalised = self.steps % params.r1_interval == 0
        self.discriminator.requires_grad_(True)
        windows = self._augment(real).requires_grad_(penalised)
        dtype = torch.float32 if penalised else self.activation_dtype
        real_logits = self.discriminator(windows, conditions, dtype, self._fade)
        fake_logits = self._discriminate(fake, conditions)
        loss = losses.discriminator_loss(params.loss, real_logits, fake_logits)
        values["loss_d"] = loss.item()
        values["d_real"] = real_logits.mean().item()
        values["d_fake"] = fake_logits.mean().item()
        values["ada_rt"] = losses.ada_rt(params.loss, real_logits, fake_logits).item()
        if penalised:
            penalty = losses.r1_penalty(real_logits, windows)
            loss = loss + penalty * (self.r1_gamma(real) / 2 * params.r1_interval)
            values["r1"] = penalty.item()
        self._step(loss, optimizer)
        return values

    def _adversarial_loss(
        self, real: Tensor, fake: Tensor, conditions: Tensor
    ) -> tuple[Tensor, dict[str, float]]:
        params, values = self.params, {}
        self.discriminator.requires_grad_(False)
        fake_logits = self._discriminate(fake, conditions)
        paired = params.loss == "rpgan"
        real_logits = self._discriminate(real, conditions) if paired else fake_logits
        loss = losses.generator_loss(params.loss, real_logits, fake_logits)
        values["loss_g"] = loss.item()
        if params.path_weight > 0 and self.steps % params.path_interval == 0:
            penalty = self.path_penalty(conditions, fake.shape[-1], self.rng)
            loss = loss + penalty * (params.path_weight * params.path_interval)
            values["path"] = penalty.item()
        return loss, values

    def _reconstruction_loss(
        self, real: Tensor, conditions: Tensor
    ) -> tuple[Tensor, dict[str, float]]:
        """Squared error of equalised values over their variance, and the posterior's divergence."""
        params, n = self.params.reconstruction, len(real)
        mean, log_variance = self.posterior(real, conditions)
        z = mean + self._latents(n) * (log_variance / 2).exp()
        noise = self._noise(n, real.shape[-1])
        styles = self.generator.style(z, conditions)
        image = self.generator.synthesis(styles, noise, self.activation_dtype)
        curve = self.posterior.intensity_curve
        error = (curve(image) - curve(real)).square().mean() / self.posterior.variance
        divergence = kl_divergence(mean, log_variance)
        loss = params.weight * (error + params.kl_weight * divergence)
        return loss, {"reconstruction": error.item(), "kl": divergence.item()}

    def _all_reduce_mean(self, value: float) -> float:
        """Return the mean over all processes, so that all of them take the same decisions."""
        return distributed.all_reduce_mean(value, self.processes, self.device)

    def _step(self, loss: Tensor, *optimizers: Any) -> None:
        for optimizer in optimizers:
            optimizer.zero_grad()
        self.manual_backward(loss)
        for optimizer in optimizers:
            parameters = (p for group in optimizer.param_groups for p in group["params"])
            distributed.all_reduce_gradients(parameters)
            optimizer.step()

    def check_weights(self) -> None:
        """Check the weights before they are saved; a step's loss is of the weights before it.

        Raises:
            CheckFailed: some are not finite.
        """
        broken = [name for name, p in self.named_parameters() if not p.isfinite().all()]
        if self._all_reduce_mean(len(broken)) > 0:
            self._fail(f"weights of {broken[0] if broken else 'another process'}")

    def _check_losses(self, values: dict[str, float]) -> None:
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        if broken:
            self._fail(", ".join(broken))

    def _fail(self, what: str) -> None:
        raise CheckFailed(
            f"train: {what} not finite after {self.images_seen} images: lower the learning rates, "
            "or raise train.r1_weight"
        )
