"""The networks of the benchmark: SYDA's, SYDA's with grouped convolutions, a plain StyleGAN2."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor

from syda.model import modulated_conv
from syda.model.conditions import ConditionSchema, Value
from syda.model.discriminator import Discriminator
from syda.model.generator import Generator
from syda.model.synthesis import BASE_RESOLUTION
from syda.params import ModelParams, load
from syda.training.config import TrainParams
from syda.training.distributed import SINGLE_PROCESS
from syda.training.module import StyleGANModule
from syda.training.posterior import Posterior
from training_stages import stages

from . import plain_stylegan as plain
from .convolutions import Alone

ROOT = Path(__file__).parents[2]
PATH_WEIGHT = 2.0
"""That of the scale gpu-128; params.yaml has no path-length regularisation at 32^3."""

SAMPLE = "sample"
IN_A_ROW = 8
"""Samples that are timed together."""


@dataclass(frozen=True)
class Size:
    """Feature maps at 4, 8, 16, ... voxels along each axis, batch, rounds."""

    channels: tuple[int, ...]
    batch: int
    rounds: int

    @property
    def resolution(self) -> int:
        """Voxels along each axis."""
        return BASE_RESOLUTION * 2 ** (len(self.channels) - 1)


@dataclass(frozen=True)
class Contender:
    """A network to be timed.

    Attributes:
        title: in the table.
        work: by figure: ``step``, ``penalised``, ``sample``; the others are not measured.
        interval: steps from one with penalties to the next.
    """

    title: str
    work: dict[str, Callable[[], object]]
    interval: int

    @property
    def figures(self) -> list[str]:
        """Names of what is measured."""
        return list(self.work)

    def seconds(self, figure: str) -> float:
        """Run it and return the wall time."""
        times = IN_A_ROW if figure == SAMPLE else 1
        start = time.perf_counter()
        for _ in range(times):
            self.work[figure]()
            if torch.cuda.is_initialized():
                torch.cuda.synchronize()
        return (time.perf_counter() - start) / times


def train_params_of(size: Size) -> TrainParams:
    """Return section ``train`` with both penalties, due together, at the full resolution."""
    params = load(ROOT)
    changes = {
        "stages": stages(size.batch * 1000, side=size.resolution, batch=size.batch),
        "reconstruction.weight": 0.0,
        "path_weight": PATH_WEIGHT,
        "path_interval": params.section("train", TrainParams).r1_interval,
        "patience_images": 10**9,
    }
    changed = params.changed({f"train.{key}": value for key, value in changes.items()})
    return changed.section("train", TrainParams)


def model_params_of(size: Size) -> ModelParams:
    """Return section ``model`` with other feature maps."""
    channels = list(size.channels)
    update = {"channels": channels, "discriminator_channels": channels}
    return load(ROOT).model.model_copy(update=update)


def volumes(size: Size, device: torch.device) -> Tensor:
    """Return a random batch in the model range."""
    rng = torch.Generator().manual_seed(1)
    shape = (size.batch, 1, size.resolution, size.resolution, size.resolution)
    return (torch.rand(shape, generator=rng) * 2 - 1).to(device)


def syda(title: str, form: Callable[..., Tensor], size: Size, device: torch.device) -> Contender:
    """Return SYDA's training step and sample, with a form of the modulated convolution."""
    params, model = train_params_of(size), model_params_of(size)
    cases: list[dict[str, Value]] = [
        {name: "FM"[i % 2] if name == "sex" else float(i) for name in model.properties}
        for i in range(8)
    ]
    schema = ConditionSchema.fit(cases, model.properties)
    networks = model.networks(schema.size)
    generator = Generator(**networks["generator"])
    discriminator = Discriminator(**networks["discriminator"])
    real = volumes(size, device)
    generator.synthesis.fit_intensity_curve(real.cpu())
    generator.synthesis.init_from_mean(real.cpu())
    discriminator.intensity_curve.fit(real.cpu())
    posterior = Posterior(generator.latent_dim, schema.size)
    gan = StyleGANModule(generator, discriminator, posterior, schema, params, SINGLE_PROCESS).to(
        device
    )
    gan.on_fit_start()
    optimizers = gan.configure_optimizers()
    gan.optimizers = lambda: optimizers
    gan.manual_backward = lambda loss: loss.backward()
    conditions = torch.stack([schema.encode(cases[i % 8]) for i in range(size.batch)]).to(device)

    def step(first: int) -> None:
        gan.steps = first  # step 0 has penalties, step 1 has none
        with mock.patch.object(modulated_conv, "modulated_conv3d", form):
            gan.training_step((real, conditions))

    @torch.no_grad()
    def sample() -> None:
        z, noise = generator.draw_latents(1, gan.rng), generator.draw_noise(1, gan.rng)
        with mock.patch.object(modulated_conv, "modulated_conv3d", form):
            generator(z, conditions[:1], noise, dtype=gan.activation_dtype)

    work = {"step": partial(step, 1), "penalised": partial(step, 0), SAMPLE: sample}
    return Contender(title, work, params.r1_interval)


def plain_stylegan(size: Size, device: torch.device) -> Contender:
    """Return the plain StyleGAN2 of the same width."""
    params, model = train_params_of(size), model_params_of(size)
    architecture = model.networks(0)["generator"]
    del architecture["conditions"]
    generator = plain.Generator(**architecture).to(device)
    discriminator = plain.Discriminator(size.channels).to(device)
    real = volumes(size, device)
    gamma = params.r1_weight * real[0].numel() / size.batch
    training = plain.Training(generator, discriminator, gamma, PATH_WEIGHT, params.generator_lr)

    @torch.no_grad()
    def sample() -> None:
        generator.images(generator.styles(1))

    work = {
        "step": partial(training.step, real, penalties=False),
        "penalised": partial(training.step, real),
        SAMPLE: sample,
    }
    return Contender("plain 3D StyleGAN2", work, interval=1)


def convolutions(of: Contender, device: torch.device) -> Contender:
    """Return the convolutions of another contender, without penalties and everything else."""
    work: dict[str, Callable[[], object]] = {
        figure: Alone(of.work[figure], device) for figure in ("step", SAMPLE)
    }
    return Contender("SYDA's convolutions alone", work, of.interval)


def contender(name: str, size: Size, device: torch.device) -> Contender:
    """Build one of them: ``syda``, ``grouped``, ``plain`` or ``convolutions``."""
    torch.manual_seed(0)
    match name:
        case "syda":
            return syda("SYDA", modulated_conv.modulated_conv3d, size, device)
        case "grouped":
            return syda("SYDA, grouped convolution", plain.grouped_conv3d, size, device)
        case "plain":
            return plain_stylegan(size, device)
        case "convolutions":
            return convolutions(contender("syda", size, device), device)
    raise ValueError(f"no contender is called {name}")
