"""A generator of 8^3 voxels whose volumes differ, though it has learnt nothing."""

import torch

from syda.model.conditions import Conditions
from syda.model.generator import Generator


def small_generator(conditions: Conditions) -> Generator:
    """The same weights at each call, ready to sample."""
    torch.manual_seed(0)
    made = Generator(
        latent=6,
        mapping_layers=2,
        mapping_lr_multiplier=0.1,
        channels=[6, 4],
        conditions=conditions.size,
    )
    for block in made.synthesis.blocks:
        torch.nn.init.normal_(block.to_image.weight)
    made.measure_average(torch.Generator().manual_seed(0))
    return made.eval().requires_grad_(False)
