"""The generator as one ONNX graph: z, properties, noise and truncation to HU.

Whoever samples needs no code of this project: properties go in in their own units, HU come out on
the axes of a NIfTI file. The arithmetic is float32.
"""

import copy
import logging
import warnings
from collections.abc import Mapping
from itertools import accumulate

import onnx
import torch
from torch import Tensor, nn

from syda.model.conditions import ConditionSchema
from syda.model.generator import Generator
from syda.model.intensity_curve import BINS, CELLS, IntensityCurve
from syda.volume.model_space import ModelSpace

INPUTS = ("z", "properties", "noise", "truncation")
OUTPUT = "hu"
MAX_BATCH = 4096
"""Largest batch that the graph takes."""


class HuGenerator(nn.Module):
    """A generator between plain numbers and HU.

    Args:
        generator: the network; it is copied.
        conditions: its properties.
        space: window of HU.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, generator: Generator, conditions: ConditionSchema, space: ModelSpace
    ) -> None:
        super().__init__()
        self.generator = copy.deepcopy(generator)
        curve = self.generator.synthesis.intensity_curve
        self.generator.synthesis.intensity_curve = TabulatedInverse(curve)  # type: ignore[assignment]
        self.resolutions = generator.synthesis.noise_resolutions
        self.register_buffer("mean", torch.tensor([n.mean for n in conditions.numbers]))
        self.register_buffer("deviation", torch.tensor([n.deviation for n in conditions.numbers]))
        self.half_window = (space.window_max - space.window_min) / 2
        self.window_min = space.window_min

    def forward(self, z: Tensor, properties: Tensor, noise: Tensor, truncation: Tensor) -> Tensor:
        """Generate volumes.

        Args:
            z: ``[N, latent_dim]``, standard normal.
            properties: ``[N, numeric properties and categories]``: a number in its own unit, NaN
                where it is unknown; 1 for a category that applies, else 0.
            noise: ``[N, noise_length]``, standard normal.
            truncation: truncation psi, ``[1]``.

        Returns:
            ``[N, S, S, S]`` HU, float32, axes ``[i, j, k]`` to the right, to the front and up.
        """
        *ends, _ = accumulate(side**3 for side in self.resolutions)
        parts = noise.tensor_split(ends, dim=1)
        layers = [
            part.reshape(-1, 1, side, side, side)
            for part, side in zip(parts, self.resolutions, strict=True)
        ]
        w = self.generator.mapping.conditioned(self.generator.mapping(z), self._encode(properties))
        style = self.generator.w_average + truncation * (w - self.generator.w_average)
        image = self.generator.synthesis(style, layers)
        hu: Tensor = (image[:, 0] + 1) * self.half_window + self.window_min
        return hu.permute(0, 3, 2, 1)

    def _encode(self, properties: Tensor) -> Tensor:
        """The vector of :class:`~syda.model.conditions.ConditionSchema`."""
        numbers, categories = properties.tensor_split([len(self.mean)], dim=1)
        is_known = ~numbers.isnan()
        value = torch.where(is_known, (numbers - self.mean) / self.deviation, 0.0)
        pairs = torch.stack((value, is_known.float()), dim=2).flatten(1)
        return torch.cat((pairs, categories), dim=1)


class TabulatedInverse(nn.Module):
    """The inverse of an intensity curve with its table as a constant: ONNX has no search.

    Args:
        curve: the fitted one.
    """

    table: Tensor
    ends: Tensor
    low: Tensor
    width: Tensor

    def __init__(self, curve: IntensityCurve) -> None:
        super().__init__()
        cells = torch.linspace(-1, 1, CELLS + 1)
        table = torch.searchsorted(curve.knots, cells - 1 / CELLS, right=True) - 1
        table.clamp_(0, BINS - 1)
        ends = curve.knots[1:].clone()
        ends[-1] = torch.inf  # no segment follows the last
        self.register_buffer("table", table)
        self.register_buffer("ends", ends[table])
        self.register_buffer("low", curve.knots[:-1].clone())
        self.register_buffer("width", curve.knots.diff())

    def inverse(self, equalized: Tensor) -> Tensor:
        """Return image values of equalised values (:meth:`IntensityCurve.inverse`)."""
        # Clamped before the cast for infinite values, and after it for NaN, which stays NaN.
        cell = ((equalized + 1) * (CELLS / 2)).clamp(0, CELLS).long().clamp(0, CELLS)
        segment = self.table[cell] + (equalized >= self.ends[cell]).long()
        position = segment + (equalized - self.low[segment]) / self.width[segment]
        return position * (2 / BINS) - 1


def example_inputs(module: HuGenerator, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs of the right shapes: mean properties, the rest zero, truncation 1."""
    generator = module.generator
    categories = generator.architecture["conditions"] - 2 * len(module.mean)
    properties = torch.cat((module.mean, torch.zeros(categories))).expand(n, -1)
    noise = torch.zeros(n, sum(side**3 for side in module.resolutions))
    return torch.zeros(n, generator.latent_dim), properties, noise, torch.ones(1)


def to_onnx(module: HuGenerator, metadata: Mapping[str, str]) -> bytes:
    """Export a generator.

    The same module and metadata give the same bytes: traces of the exporter are removed.

    Args:
        module: the generator.
        metadata: texts that any reader of ONNX shows.
    """
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    examples = example_inputs(module, 2)  # an axis of length 1 would be a constant
    for noisy in ("torch.onnx", "torch.export", "onnxscript"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        program = torch.onnx.export(
            module.eval(),
            examples,
            dynamo=True,
            verbose=False,
            input_names=INPUTS,
            output_names=(OUTPUT,),
            dynamic_shapes=({0: batch}, {0: batch}, {0: batch}, None),
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    return _plain(program.model_proto, metadata)


def _plain(model: onnx.ModelProto, metadata: Mapping[str, str]) -> bytes:
    """Replace the exporter's notes, which hold paths of source files, by the metadata."""
    graph = model.graph
    graph.name = "generator"
    for part in (*graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    del graph.metadata_props[:], model.metadata_props[:]
    model.doc_string = graph.doc_string = ""
    onnx.helper.set_model_props(model, dict(sorted(metadata.items())))
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
