"""Stage ``generate``: seeds to synthetic volumes in HU, NIfTI and, of some, DICOM."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from syda import paths
from syda.model.device import Precision
from syda.params import Section, load
from syda.runtime import manifest, progress, stage
from syda.runtime.outputs import replace_folder
from syda.sampling import asked, export
from syda.sampling import gate as gates

Share = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[list[float], Field(min_length=2, max_length=2)]


class GateParams(Section):
    """Section ``generate.gate``: see :class:`syda.sampling.gate.Rules`."""

    p0_5_hu: Range
    p99_5_hu: Range
    """Lowest and highest value of these percentiles, HU."""
    min_std_hu: float = Field(ge=0)
    """Standard deviation below which a volume counts as constant, HU."""
    min_body_share: Share
    """Of the voxels."""
    max_loose_share: Share
    """Of the tissue, outside the body."""
    max_open_share: Share
    """Of what the body spans, air with a way out."""
    min_air_border_share: Share
    """Of the sides of the field."""
    max_rejected_share: float = Field(ge=0, lt=1)
    """Of the volumes drawn; above it the stage fails."""

    def gate(self) -> gates.Gate:
        """A gate that has seen nothing yet."""
        rules = gates.Rules(**self.model_dump(exclude={"max_rejected_share"}))
        return gates.Gate(rules, self.max_rejected_share)


class Params(Section):
    """Section ``generate``."""

    seed: int = Field(ge=0)
    """Of the first volume; the next ones count up."""
    count: int = Field(ge=1, le=1_000_000)
    """Volumes."""
    truncation: float = Field(ge=0, le=1)
    """1 for the full variety, towards 0 for more average volumes."""
    precision: Precision
    """Of the feature maps."""
    properties: dict[str, str | float | Range]
    """What is asked for, by name: a value, or a range from which each volume draws its own."""
    export: int = Field(ge=1)
    """How many of them, from the first on, are also exported at ``ct.spacing_mm``."""
    gate: GateParams
    """What a volume must be."""


def run(root: Path) -> None:
    """Write ``data/synthetic`` (:mod:`syda.sampling.export`).

    Raises:
        CheckFailed: the gate rejected too many volumes.
        CorruptData: the weights cannot be read.
        UsageError: there are none yet, or what is asked for no volume can have.
    """
    own = load(root).section("generate", Params)
    with stage.running(
        root,
        "generate",
        reads=[paths.WEIGHTS],
        writes=[paths.SYNTHETIC],
        params={"generate": own},
    ):
        code = manifest.code_digest("generate")["sha256"]
        made_by = export.source(root / paths.WEIGHTS, own.precision, code)
        for warning in asked.check(made_by.sampler.conditions, own.properties):
            progress.say(f"warning: generate.properties: {warning}")
        order = export.Order(range(own.seed, own.seed + own.count), own.truncation, own.properties)
        with replace_folder(root / paths.SYNTHETIC) as folder:
            gate = own.gate.gate()
            export.produce(folder, made_by, order, gate, exported=own.export)
        if gate.rejected:
            progress.say(f"generate: {gate.told()}, and drawn again from the seeds that follow")
