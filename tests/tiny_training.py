"""A training of a few steps on six random volumes of 16^3 voxels."""

import functools
from pathlib import Path
from typing import Any

import torch

from syda.model.conditions import ConditionSchema
from syda.model.discriminator import Discriminator
from syda.model.generator import Generator
from syda.params import ModelParams, Params, load
from syda.training.config import TrainParams
from syda.training.data import TrainingSet
from syda.training.distributed import SINGLE_PROCESS
from syda.training.module import StyleGANModule
from syda.training.posterior import Posterior
from training_stages import stages

TINY = {
    "reconstruction.weight": 1.0,
    "reconstruction.kl_weight": 0.001,
    "reconstruction.learning_rate": 0.01,
    "generator_lr": 0.01,
    "discriminator_lr": 0.01,
    "decay_share": 0.0,
    "loss": "nonsaturating",
    "r1_weight": 0.001,
    "r1_interval": 1,
    "path_weight": 1.0,
    "path_interval": 1,
    "ema_half_life": 8.0,
    "ema_ramp": 1.0,
    "style_mixing": 0.5,
    "property_dropout": 0.1,
    "property_blur": 0.1,
    "patience_images": 1000,
    "min_distance_ratio": 0.0,
    "augment.probability": 0.5,
    "augment.target": 0.0,
    "augment.images": 1000,
    "augment.limit": 0.8,
    "augment.rotation": 8.0,
    "augment.zoom": 0.1,
    "augment.shift": 0.1,
    "augment.contrast": 0.02,
    "augment.noise": 0.02,
    "augment.cutout": 0.3,
    "precision": "float32",
    "recompute": False,
    "microbatch": 0,
    "checkpoint_images": 8,
    "log_images": 4,
}
"""Section ``train``; both penalties in each step."""

CASES = [{"width": 300.0 + 20 * i, "sex": "FM"[i % 2]} for i in range(6)]
SCHEMA = ConditionSchema.fit(CASES, ["width", "sex"])
MODEL = ModelParams(
    latent=4,
    mapping_layers=1,
    mapping_lr_multiplier=0.1,
    channels=[4, 4, 3],
    discriminator_channels=[4, 4, 3],
    start="mean",
    properties=["width", "sex"],
)


@functools.cache
def _repository() -> Params:
    return load(Path(__file__).parents[1])


def train_params(
    changes: dict[str, Any] | None = None,
    /,
    images: int = 16,
    batch: int = 4,
    coarse: int = 0,
    fade: int = 8,
    first: int = 0,
    **more: Any,
) -> TrainParams:
    """Return ``TINY`` with some keys changed, and the stages of :mod:`training_stages`."""
    parts = stages(images, coarse=coarse, fade=fade, batch=batch, first=first)
    values = TINY | {"stages": parts} | (changes or {}) | more
    changed = _repository().changed({f"train.{key}": value for key, value in values.items()})
    return changed.section("train", TrainParams)


def training_set() -> TrainingSet:
    """Return the volumes."""
    images = torch.rand(6, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return TrainingSet(images, list(CASES))


def tiny_module(params: TrainParams | None = None) -> StyleGANModule:
    """Return a module whose steps run without a trainer; the same weights at each call."""
    torch.manual_seed(0)
    arguments = MODEL.networks(SCHEMA.size)
    networks = Generator(**arguments["generator"]), Discriminator(**arguments["discriminator"])
    posterior = Posterior(MODEL.latent, SCHEMA.size)
    posterior.fit(training_set().images)
    gan = StyleGANModule(*networks, posterior, SCHEMA, params or train_params(), SINGLE_PROCESS)
    optimizers = gan.configure_optimizers()
    gan.optimizers = lambda: optimizers
    gan.manual_backward = lambda loss: loss.backward()
    return gan
