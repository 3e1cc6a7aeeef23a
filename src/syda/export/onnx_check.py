"""The ONNX graph against the network: the same inputs, by onnxruntime and by torch."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
import torch

from syda.errors import CheckFailed
from syda.export.onnx_graph import INPUTS, OUTPUT
from syda.model.conditions import ConditionSchema, Value
from syda.sampling.generation import LoadedGenerator
from syda.types import Tensor32

SEEDS = range(16)
TOLERANCE = 1e-4
"""Largest difference, in the model range of -1 to 1."""


def session(model: bytes) -> onnxruntime.InferenceSession:
    """Load a graph for one thread of the CPU, on which the result does not depend on the load."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def feed(generator: LoadedGenerator, seed: int, truncation: float = 1.0) -> dict[str, Tensor32]:
    """The inputs of the graph for the volume of a seed, a batch of one.

    Args:
        generator: as ``syda generate`` loads it.
        seed: of the volume.
        truncation: truncation psi.
    """
    inputs = generator.sampler.inputs(seed, {})
    noise = torch.cat([layer.flatten(1) for layer in inputs.noise], dim=1)
    values = (
        inputs.z.numpy(),
        np.array([row(generator.sampler.conditions, inputs.properties)], np.float32),
        noise.numpy(),
        np.array([truncation], np.float32),
    )
    return dict(zip(INPUTS, values, strict=True))


def row(conditions: ConditionSchema, properties: dict[str, Value]) -> list[float]:
    """Properties as a row of the graph's input: numbers, NaN if unknown, then 1 or 0 a category."""
    numbers = [properties.get(number.name) for number in conditions.numbers]
    columns = [np.nan if value is None else float(value) for value in numbers]
    return columns + [
        float(str(properties.get(term.name)) == category)
        for term in conditions.terms
        for category in term.shares
    ]


@torch.no_grad()
def largest_difference(
    model: bytes, generator: LoadedGenerator, seeds: Sequence[int] = SEEDS
) -> float:
    """Return the largest difference of any voxel, in the model range.

    Args:
        model: the graph.
        generator: of the same weights, in float32.
        seeds: of the volumes.

    Raises:
        CheckFailed: it is above :data:`TOLERANCE`.
    """
    space, run = generator.space, session(model).run
    half = (space.window_max - space.window_min) / 2
    worst = 0.0
    for seed in seeds:
        inputs = generator.sampler.inputs(seed, {})
        image = generator.sampler.generator(inputs.z, inputs.conditions, inputs.noise)
        wanted = (image[0, 0].permute(2, 1, 0).numpy() + 1) * half + space.window_min
        (found,) = run([OUTPUT], feed(generator, seed))
        worst = max(worst, float(np.abs(found[0] - wanted).max()) / half)
    if not worst <= TOLERANCE:
        raise CheckFailed(
            f"export: onnxruntime and torch differ by {worst:.2g} of the model range, at most "
            f"{TOLERANCE:g} is allowed: nothing is released"
        )
    return worst
