"""A scan through the model: encoded, projected, moved towards a free sample, and drawn."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch

from syda.model import memory
from syda.model.conditions import ConditionSchema, Value
from syda.properties.measured import measure_properties
from syda.sampling.generation import LoadedGenerator
from syda.shadow.config import ShadowParams
from syda.shadow.projection import Projector, SynthesisInputs
from syda.types import EFFECTIVE_SPACING, Volume
from syda.volume.transforms import encode


@dataclass(frozen=True)
class Shadow:
    """A shadow on the model's cube.

    Attributes:
        source: ``[1, 1, N, N, N]`` in [-1, 1], the scan as the model sees it.
        image: the shadow, of the same shape and range.
        properties: that the generator was given.
        losses: of the projection, one for each step; empty where the strength is 0.
    """

    source: torch.Tensor
    image: torch.Tensor
    properties: dict[str, Value]
    losses: list[float]


def create_shadow(
    model: LoadedGenerator, source: Volume, attributes: Mapping[str, Value], params: ShadowParams
) -> Shadow:
    """Take a scan through the model.

    Args:
        model: trained weights with an encoder.
        source: a scan at the model's spacing.
        attributes: of its header, as far as they are known.
        params: strength, seed and projection.

    Raises:
        CorruptData: the weights have no readable encoder.
    """
    memory.disable_malloc_trim()
    sampler, generator = model.sampler, model.sampler.generator
    image = encode(source, model.space)
    shown = torch.from_numpy(image)[None]
    spacing = model.space.effective_spacing(source.longest_side)
    properties = conditions_of(sampler.conditions, source, attributes, spacing)
    free = sampler.inputs(params.seed, properties)
    with torch.no_grad():
        style = generator.style(free.z, free.conditions)
    levels = generator.synthesis.levels
    inputs = SynthesisInputs(style[:, None].repeat(1, levels, 1), free.noise)
    losses: list[float] = []
    if params.strength > 0:
        projector = Projector(generator, model.encoder(), sampler.conditions, sampler.dtype)
        found, losses = projector.project(shown, free.conditions, free.noise, params)
        inputs = inputs.interpolate(found, params.strength)
    with torch.no_grad():
        image = generator.synthesis(inputs.styles, inputs.noise, sampler.dtype)
    return Shadow(shown, image, properties, losses)


def conditions_of(
    schema: ConditionSchema, source: Volume, attributes: Mapping[str, Value], spacing_mm: float
) -> dict[str, Value]:
    """Return the generator's conditions of a scan; None where one is unknown.

    A category that no training case has counts as unknown.
    """
    found: dict[str, Value] = {
        **attributes,
        **asdict(measure_properties(source)),
        EFFECTIVE_SPACING: spacing_mm,
    }
    for term in schema.terms:
        if str(found.get(term.name)) not in term.shares:
            found[term.name] = None
    return {name: found.get(name) for name in schema.names}
