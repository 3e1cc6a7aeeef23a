"""What every file of a release says about the model."""

import json
from dataclasses import dataclass
from typing import Any

from syda.card.facts import NOT_FOR_DIAGNOSIS
from syda.export.card_values import CardTexts
from syda.export.onnx_graph import HuGenerator
from syda.properties.schema import unit_of
from syda.sampling.export import MARK
from syda.sampling.generation import LoadedGenerator

NO_TERMS = "Nobody has granted terms for the weights."


@dataclass(frozen=True)
class ReleasedModel:
    """A generator with what the card says about it.

    Attributes:
        generator: as ``syda generate`` loads it, in float32.
        card: values of the card.
        allow_copies: why weights that failed a test for copies are released; empty if none failed.
    """

    generator: LoadedGenerator
    card: CardTexts
    allow_copies: str = ""

    @property
    def version(self) -> str:
        """Model version, which people declare."""
        return self.card.text("1.model_version")

    def terms(self) -> str:
        """Terms of the weights, or who owes them."""
        if self.card.value("10.weights_terms") is None:
            return f"{NO_TERMS} {self.card.text('10.weights_terms').capitalize()}."
        return self.card.text("10.weights_terms")

    def texts(self) -> dict[str, str]:
        """Key and text of each statement, for formats that hold texts alone."""
        generator, space = self.generator, self.generator.space
        data = generator.description.data
        step = space.spacing_mm / space.size
        stated = {
            "mark": MARK,
            "not_for_diagnosis": NOT_FOR_DIAGNOSIS,
            "model_name": self.card.text("1.model_name"),
            "model_version": self.version,
            "report_version": self.card.text("1.report_version"),
            "license": self.terms(),
            "weights_sha256": generator.weights_sha256,
            "data_version": str(data.get("version", "")),
            "data_index_sha256": str(data.get("index_sha256", "")),
            "hu_window": f"{space.window_min} to {space.window_max} HU",
            "axes": "hu[n, i, j, k]: i to the right, j to the front, k to the head (RAS+)",
            "voxel_size": (
                "Cubic voxels of effective_spacing_mm, a multiple of "
                f"{step:g} mm ({space.spacing_mm:g} mm / {space.size})."
            ),
            "sizes": json.dumps(generator.description.sizes, sort_keys=True),
            "properties": json.dumps(self._properties(), sort_keys=True),
            "noise_resolutions": json.dumps(self._noise_resolutions()),
            "end_slices": (
                "syda generate makes partly filled slices at the ends of a body whole, or air. "
                "This graph leaves them as they are."
            ),
        }
        if self.allow_copies:
            stated["released_although_a_test_found_copies"] = self.allow_copies
        return stated

    def module(self) -> HuGenerator:
        """The generator between plain numbers and HU."""
        sampler = self.generator.sampler
        return HuGenerator(sampler.generator, sampler.conditions, sampler.space)

    def _properties(self) -> dict[str, Any]:
        conditions = self.generator.sampler.conditions.to_json()
        for number in conditions["numbers"]:
            number["unit"] = unit_of(number["name"])
        return conditions

    def _noise_resolutions(self) -> list[int]:
        return self.generator.sampler.generator.synthesis.noise_resolutions
