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
from syda.model.conditions import Conditions, measure
from syda.model.device import named, type_of_maps
from syda.model.generator import Generator
from syda.model.synthesis import START
from syda.sampling.sampler import Sampler
from syda.types import EFFECTIVE_SPACING
from syda.volume.model_space import ModelSpace

RUNS = 3


def main(channels: list[int]) -> None:
    """Draw a volume to warm up, then ``RUNS`` of them, as the stage does."""
    memory.keep()
    torch.manual_seed(0)
    generator = Generator(
        latent=96, mapping_layers=8, mapping_lr_multiplier=0.01, channels=channels
    ).eval()
    side = START * 2 ** (len(channels) - 1)
    space, none = ModelSpace(side, 1.5, -1000, 1000), Conditions((), (), ())
    sizes = measure([{EFFECTIVE_SPACING: space.effective_spacing(side)}], [EFFECTIVE_SPACING])
    sampler = Sampler(generator, space, sizes, none, type_of_maps("auto", torch.device("cpu")))
    walls, cpus = [], []
    for seed in range(1 + RUNS):
        wall, cpu = time.perf_counter(), time.process_time()
        sampler.sample(seed)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    found = {
        "precision": named(sampler.dtype),
        "first_s": walls[0],
        "wall_s": statistics.median(walls[1:]),
        "cpu_s": statistics.median(cpus[1:]),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
