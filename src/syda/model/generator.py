"""The generator: mapping and synthesis, truncation, and the layer table that the card shows."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from syda.model.mapping import Mapping
from syda.model.synthesis import Synthesis

NETWORK = 2
"""Number of the arithmetic, raised when the same weights come to draw otherwise.

``generator.json`` names the one that its weights were trained in.
"""


class Generator(nn.Module):
    """From a latent and noise to a volume in the model range.

    Args:
        latent: length of z and w.
        mapping_layers: linear layers from z to w.
        mapping_lr_multiplier: learning rate of the mapping relative to the optimiser's.
        channels: feature maps at 4, 8, 16, ... voxels a side; the last is the volume's side.
        conditions: length of the vector of properties; 0 for a generator that takes none.
    """

    w_average: Tensor

    def __init__(
        self,
        *,
        latent: int,
        mapping_layers: int,
        mapping_lr_multiplier: float,
        channels: Sequence[int],
        conditions: int = 0,
    ) -> None:
        super().__init__()
        self.architecture: dict[str, Any] = {
            "latent": latent,
            "mapping_layers": mapping_layers,
            "mapping_lr_multiplier": mapping_lr_multiplier,
            "channels": list(channels),
            "conditions": conditions,
        }
        self.latent = latent
        self.mapping = Mapping(latent, mapping_layers, mapping_lr_multiplier, conditions)
        self.synthesis = Synthesis(latent, channels)
        self.register_buffer("w_average", torch.zeros(latent))

    def style(self, z: Tensor, conditions: Tensor, truncation: float = 1.0) -> Tensor:
        """Styles ``mean + truncation (w - mean)`` of ``[N, latent]`` latents, and their properties.

        Karras et al., StyleGAN (2019), appendix B: 1 leaves w alone, 0 is the mean. What is asked
        for is not truncated.

        Args:
            z: ``[N, latent]``.
            conditions: ``[N, conditions]``.
            truncation: of the part that no property decides.

        Returns:
            ``[N, latent]``.
        """
        w = torch.lerp(self.w_average, self.mapping(z), truncation)
        return self.mapping.conditioned(w, conditions)

    def forward(
        self,
        z: Tensor,
        conditions: Tensor,
        noise: Sequence[Tensor],
        *,
        truncation: float = 1.0,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Latents, properties and the noise of each layer to ``[N, 1, S, S, S]`` in [-1, 1]."""
        images: Tensor = self.synthesis(self.style(z, conditions, truncation), noise, dtype)
        return images

    def draw_latents(self, n: int, rng: torch.Generator) -> Tensor:
        """``[n, latent]`` standard normal, on the device of rng."""
        return torch.randn(n, self.latent, generator=rng, device=rng.device)

    def draw_noise(self, n: int, rng: torch.Generator, side: int | None = None) -> list[Tensor]:
        """``[n, 1, s, s, s]`` standard normal for each style layer, on the device of rng.

        Args:
            n: samples.
            rng: source of the noise.
            side: of the volume, for one coarser than the network's own.
        """
        return [
            torch.randn(n, 1, s, s, s, generator=rng, device=rng.device)
            for s in self.synthesis.noise_sides
            if side is None or s <= side
        ]

    @torch.no_grad()
    def measure_average(self, rng: torch.Generator, n: int = 4096) -> None:
        """Set ``w_average`` to the mean style of n latents, before properties join."""
        self.w_average.copy_(self.mapping(self.draw_latents(n, rng)).mean(dim=0))


class LayerRow(NamedTuple):
    """A layer of the generator: its dotted name, kind, output shape and number of weights."""

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int


def layer_table(generator: Generator) -> list[LayerRow]:
    """List the layers in the order they run, shapes without the batch axis.

    The shapes come from a run on torch's meta device, which computes nothing: it takes milliseconds
    at any size.
    """
    with torch.device("meta"):
        twin = Generator(**generator.architecture)
        noise = [torch.empty(1, 1, s, s, s) for s in twin.synthesis.noise_sides]
        z = torch.empty(1, twin.latent)
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
