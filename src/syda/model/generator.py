"""The generator: mapping and synthesis, truncation, and a table of its layers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from syda.model.mapping import Mapping
from syda.model.synthesis import Synthesis

ARCHITECTURE_VERSION = 4
"""Raised when the same weights give other volumes, or when ``generator.json`` changes its keys."""


class Generator(nn.Module):
    """From latent, conditions and noise to a volume in the model range.

    Args:
        latent_dim: length of z and w.
        mapping_layers: linear layers from z to w.
        mapping_lr_multiplier: learning rate of the mapping relative to the optimiser's.
        channels: feature maps at 4, 8, 16, ... voxels along each axis, up to the volume's.
        conditions: length of the condition vector; 0 for none.

    >>> rng = torch.Generator().manual_seed(0)
    >>> generator = Generator(
    ...     latent_dim=8,
    ...     mapping_layers=2,
    ...     mapping_lr_multiplier=0.01,
    ...     channels=[6, 4],
    ...     conditions=3,
    ... )
    >>> z, noise = generator.draw_latents(2, rng), generator.draw_noise(2, rng)
    >>> [tuple(layer.shape) for layer in noise]
    [(2, 1, 4, 4, 4), (2, 1, 8, 8, 8), (2, 1, 8, 8, 8)]
    >>> generator(z, torch.zeros(2, 3), noise).shape
    torch.Size([2, 1, 8, 8, 8])
    """

    w_average: Tensor

    def __init__(
        self,
        *,
        latent_dim: int,
        mapping_layers: int,
        mapping_lr_multiplier: float,
        channels: Sequence[int],
        conditions: int = 0,
    ) -> None:
        super().__init__()
        self.architecture: dict[str, Any] = {
            "latent_dim": latent_dim,
            "mapping_layers": mapping_layers,
            "mapping_lr_multiplier": mapping_lr_multiplier,
            "channels": list(channels),
            "conditions": conditions,
        }
        self.latent_dim = latent_dim
        self.mapping = Mapping(latent_dim, mapping_layers, mapping_lr_multiplier, conditions)
        self.synthesis = Synthesis(latent_dim, channels)
        self.register_buffer("w_average", torch.zeros(latent_dim))

    def style(self, z: Tensor, conditions: Tensor, truncation: float = 1.0) -> Tensor:
        """Return truncated styles ``mean + truncation (w - mean)``, w with its conditions.

        Karras et al., StyleGAN (2019), appendix B.

        Args:
            z: ``[N, latent_dim]``.
            conditions: ``[N, conditions]``.
            truncation: 1 leaves w unchanged, 0 gives the mean.

        Returns:
            ``[N, latent_dim]``.
        """
        w = self.mapping.conditioned(self.mapping(z), conditions)
        return torch.lerp(self.w_average, w, truncation)

    def forward(
        self,
        z: Tensor,
        conditions: Tensor,
        noise: Sequence[Tensor],
        *,
        truncation: float = 1.0,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Latents, conditions and the noise of each layer to ``[N, 1, S, S, S]`` in [-1, 1]."""
        images: Tensor = self.synthesis(self.style(z, conditions, truncation), noise, dtype)
        return images

    def draw_latents(self, n: int, rng: torch.Generator) -> Tensor:
        """Return ``[n, latent_dim]`` standard normal, on the device of rng."""
        return torch.randn(n, self.latent_dim, generator=rng, device=rng.device)

    def draw_noise(
        self, n: int, rng: torch.Generator, resolution: int | None = None
    ) -> list[Tensor]:
        """Return ``[n, 1, s, s, s]`` standard normal for each style layer, on the device of rng.

        Args:
            n: samples.
            rng: source of the noise.
            resolution: voxels along each axis of the volume; None for the full resolution.
        """
        return [
            torch.randn(n, 1, s, s, s, generator=rng, device=rng.device)
            for s in self.synthesis.noise_resolutions
            if resolution is None or s <= resolution
        ]

    @torch.no_grad()
    def measure_average(self, conditions: Tensor, rng: torch.Generator, n: int = 4096) -> None:
        """Set ``w_average`` to the mean style of n latents and of ``[cases, conditions]``."""
        w = self.mapping(self.draw_latents(n, rng)).mean(dim=0, keepdim=True)
        self.w_average.copy_(self.mapping.conditioned(w, conditions.mean(dim=0, keepdim=True))[0])


class LayerRow(NamedTuple):
    """A layer of the generator: its dotted name, kind, output shape and number of weights."""

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int


def layer_table(generator: Generator) -> list[LayerRow]:
    """List the layers in execution order, with output shapes without the batch axis.

    The shapes come from a run on torch's meta device, which computes nothing.
    """
    with torch.device("meta"):
        twin = Generator(**generator.architecture)
        noise = [torch.empty(1, 1, s, s, s) for s in twin.synthesis.noise_resolutions]
        z = torch.empty(1, twin.latent_dim)
        conditions = torch.empty(1, twin.architecture["conditions"])
    rows: list[LayerRow] = []
    for name, module in twin.named_modules():
        if type(module).__name__ in ("EqualizedLinear", "Constant", "ModulatedConv3d", "ToImage"):
            module.register_forward_hook(_recorder(name, rows))
    twin(z, conditions, noise)
    return [row for row in rows if not row.name.endswith(".style")]


def _recorder(name: str, rows: list[LayerRow]) -> Any:
    def record(module: nn.Module, _inputs: Any, output: Tensor) -> None:
        count = sum(p.numel() for p in module.parameters())
        rows.append(LayerRow(name, type(module).__name__, tuple(output.shape[1:]), count))

    return record
