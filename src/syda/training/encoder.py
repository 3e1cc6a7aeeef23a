"""Train the encoder on what the released generator draws.

Each volume comes with the style that it was drawn with, and none of them is a scan: the encoder
knows of patients what the generator knows, and no more.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from syda.model.conditions import Conditions
from syda.model.device import present
from syda.model.encoder import Encoder
from syda.model.generator import Generator
from syda.runtime import progress

TESTED = 64
"""Volumes, further ones, on which the encoder is tried."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        seed: of what is drawn.
        images: volumes drawn to learn from.
        ridge: weight of the squared weights against the squared errors, relative to the mean
            squared length of what is read.
        batch: volumes drawn at once.
        property_dropout: probability that a property is not told.
        dtype: of the generator's feature maps.
    """

    seed: int
    images: int
    ridge: float
    batch: int
    property_dropout: float
    dtype: torch.dtype


def fit(generator: Generator, conditions: Conditions, recipe: Recipe) -> tuple[Encoder, float]:
    """Train an encoder; draws on a GPU where there is one.

    The same generator, conditions and recipe give the same encoder on one machine.

    Args:
        generator: the released one, on the CPU; stays as it is.
        conditions: the properties that it is given.
        recipe: how to train.

    Returns:
        The encoder, and the share of the variance of styles that it misses, of volumes that it was
        not trained on: 1 for one that always says the mean.
    """
    rng = torch.Generator().manual_seed(recipe.seed)
    encoder = Encoder(
        latent=generator.latent,
        size=generator.synthesis.mean.shape[-1],
        conditions=conditions.size,
    )
    encoder.tone.load_state_dict(generator.synthesis.tone.state_dict())
    drawn = _drawn(generator, conditions, recipe, encoder, rng)
    features, styles = (rows[: recipe.images].double() for rows in drawn)
    solve(encoder, features, styles, recipe.ridge)
    features, styles = (rows[recipe.images :] for rows in drawn)
    missed = functional.linear(features, encoder.weight, encoder.bias) - styles
    share = missed.square().sum() / (styles - styles.mean(dim=0)).square().sum()
    return encoder.eval(), share.item()


def solve(encoder: Encoder, features: Tensor, styles: Tensor, ridge: float) -> None:
    """Ridge regression of styles ``[n, latent]`` on features ``[n, features]``, float64.

    In its dual form, which solves a system of the volumes' number (Saunders, Gammerman and Vovk,
    Ridge Regression Learning Algorithm in Dual Variables, 1998, equation 9).
    """
    middle, mean = features.mean(dim=0), styles.mean(dim=0)
    centred = features - middle
    products = centred @ centred.T
    products.diagonal().add_(ridge * products.diagonal().mean())
    weight = torch.linalg.solve(products, styles - mean).T @ centred
    encoder.weight.copy_(weight)
    encoder.bias.copy_(mean - weight @ middle)


@torch.no_grad()
def _drawn(
    generator: Generator,
    conditions: Conditions,
    recipe: Recipe,
    encoder: Encoder,
    rng: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """What the encoder reads of each volume, and the part of w that no property decides."""
    device = present()
    generator = generator.to(device)
    features: list[Tensor] = []
    styles: list[Tensor] = []
    total, n = recipe.images + TESTED, recipe.batch
    with progress.bar(total, "encoder", "volumes") as bar:
        while len(features) * n < total:
            told = torch.stack([conditions.encode(conditions.draw(rng, {})) for _ in range(n)])
            kept = torch.rand(n, len(conditions.names), generator=rng) >= recipe.property_dropout
            told *= conditions.keep(kept)
            style = generator.mapping(generator.draw_latents(n, rng).to(device))
            noise = [layer.to(device) for layer in generator.draw_noise(n, rng)]
            w = generator.mapping.conditioned(style, told.to(device))
            images = generator.synthesis(w, noise, recipe.dtype).cpu()
            features.append(encoder.features(images, told))
            styles.append(style.cpu())
            bar.update(min(n, total - bar.n))
    generator.cpu()
    return torch.cat(features)[:total], torch.cat(styles)[:total]
