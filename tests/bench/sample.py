"""Seconds and peak memory of one sample, as a process of its own: ``python -m bench.sample 64 32``.

The arguments are the generator's channels at 4, 8, 16, ... voxels a side. Prints JSON.
"""

import json
import resource
import statistics
import sys
import time

import torch

from syda.model import memory
from syda.model.conditions import ConditionSchema
from syda.model.device import activation_dtype, dtype_name
from syda.model.generator import Generator
from syda.model.synthesis import BASE_RESOLUTION
from syda.sampling.sampler import Sampler
from syda.types import EFFECTIVE_SPACING
from syda.volume.model_space import ModelSpace

RUNS = 3


def main(channels: list[int]) -> None:
    """Draw a volume to warm up, then ``RUNS`` of them, as the stage does."""
    memory.disable_malloc_trim()
    torch.manual_seed(0)
    generator = Generator(
        latent_dim=96, mapping_layers=8, mapping_lr_multiplier=0.01, channels=channels
    ).eval()
    side = BASE_RESOLUTION * 2 ** (len(channels) - 1)
    space, none = ModelSpace(side, 1.5, -1000, 1000), ConditionSchema((), (), ())
    sizes = ConditionSchema.fit(
        [{EFFECTIVE_SPACING: space.effective_spacing(side)}], [EFFECTIVE_SPACING]
    )
    sampler = Sampler(generator, space, sizes, none, activation_dtype("auto", torch.device("cpu")))
    walls, cpus = [], []
    for seed in range(1 + RUNS):
        wall, cpu = time.perf_counter(), time.process_time()
        sampler.sample(seed)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    found = {
        "precision": dtype_name(sampler.dtype),
        "first_s": walls[0],
        "wall_s": statistics.median(walls[1:]),
        "cpu_s": statistics.median(cpus[1:]),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
