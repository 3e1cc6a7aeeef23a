"""Trains the encoder on generated volumes, for which the style is known; no scan is used."""

import torch
from torch import Tensor
from torch.nn import functional

from syda.model.conditions import ConditionSchema
from syda.model.device import default_device
from syda.model.encoder import Encoder
from syda.model.generator import Generator
from syda.runtime import progress
from syda.training.config import TrainParams

TEST_IMAGES = 64
"""Further volumes, on which the encoder is tested."""


def fit(
    generator: Generator, schema: ConditionSchema, params: TrainParams
) -> tuple[Encoder, float]:
    """Train an encoder; volumes are generated on a GPU if there is one.

    Args:
        generator: the released one, on the CPU; it is not changed.
        schema: its conditions.
        params: the seed, the batch, the dropout of properties and ``encoder``.

    Returns:
        The encoder, and its residual variance: the share of the variance of styles of test volumes
        that it does not explain. It is 1 for a constant estimate, the mean.
    """
    encoder = Encoder(
        latent_dim=generator.latent_dim,
        size=generator.synthesis.mean.shape[-1],
        conditions=schema.size,
    )
    encoder.intensity_curve.load_state_dict(generator.synthesis.intensity_curve.state_dict())
    images = params.encoder.images
    features, styles = _generate(generator, schema, params, encoder)
    solve(encoder, features[:images].double(), styles[:images].double(), params.encoder.ridge)
    features, styles = features[images:], styles[images:]
    error = functional.linear(features, encoder.weight, encoder.bias) - styles
    residual = error.square().sum() / (styles - styles.mean(dim=0)).square().sum()
    return encoder.eval(), residual.item()


def solve(encoder: Encoder, features: Tensor, styles: Tensor, ridge: float) -> None:
    """Ridge regression of styles ``[n, latent_dim]`` on features ``[n, features]``, float64.

    In dual form, whose system has the size of the number of volumes (Saunders, Gammerman and Vovk,
    Ridge Regression Learning Algorithm in Dual Variables, 1998, equation 9).
    """
    features_mean, styles_mean = features.mean(dim=0), styles.mean(dim=0)
    centred = features - features_mean
    products = centred @ centred.T
    products.diagonal().add_(ridge * products.diagonal().mean())
    weight = torch.linalg.solve(products, styles - styles_mean).T @ centred
    encoder.weight.copy_(weight)
    encoder.bias.copy_(styles_mean - weight @ features_mean)


@torch.no_grad()
def _generate(
    generator: Generator, schema: ConditionSchema, params: TrainParams, encoder: Encoder
) -> tuple[Tensor, Tensor]:
    """Return features and styles of generated volumes."""
    device, rng = default_device(), torch.Generator().manual_seed(params.seed)
    generator = generator.to(device)
    features: list[Tensor] = []
    styles: list[Tensor] = []
    total, n = params.encoder.images + TEST_IMAGES, params.stages[-1].batch
    with progress.bar(total, "encoder", "volumes") as bar:
        while len(features) * n < total:
            conditions = torch.stack([schema.encode(schema.sample(rng, {})) for _ in range(n)])
            mask = torch.rand(n, len(schema.names), generator=rng) >= params.property_dropout
            conditions *= schema.expand_mask(mask)
            w = generator.style(generator.draw_latents(n, rng).to(device), conditions.to(device))
            noise = [layer.to(device) for layer in generator.draw_noise(n, rng)]
            images = generator.synthesis(w, noise, params.activation_dtype()).cpu()
            features.append(encoder.features(images, conditions))
            styles.append(w.cpu())
            bar.update(min(n, total - bar.n))
    generator.cpu()
    return torch.cat(features)[:total], torch.cat(styles)[:total]
