"""Stage ``generate``: synthetic volumes in HU from seeds."""

from pathlib import Path

from syda import paths
from syda.metrics import copy_check
from syda.params import load
from syda.properties import requested
from syda.records.index import records_of
from syda.runtime import progress, stage
from syda.runtime.outputs import replace_folder
from syda.sampling.config import GenerateParams
from syda.sampling.gate import QualityGate
from syda.sampling.generation import GenerationRequest, generate, load_generator


def run(root: Path) -> None:
    """Write ``data/synthetic`` (:mod:`syda.sampling.generation`).

    Raises:
        CheckFailed: the gate rejected too many volumes.
        CorruptData: the weights or the records cannot be read.
        UsageError: there are no weights, or no scan can have a requested property.
    """
    params = load(root).section("generate", GenerateParams)
    with stage.running(
        root,
        "generate",
        reads=[paths.RECORDS, paths.WEIGHTS],
        writes=[paths.SYNTHETIC],
        params={"generate": params},
    ):
        generator = load_generator(root / paths.WEIGHTS, params.precision)
        for warning in requested.check(generator.sampler.conditions, params.properties):
            progress.log(f"warning: generate.properties: {warning}")
        seeds = range(params.seed, params.seed + params.count)
        request = GenerationRequest(seeds, params.truncation, params.properties)
        records = records_of(root, generator.description.data)
        quantile = params.gate.copy_quantile
        copies = None
        if records and quantile:
            copies = copy_check.load(records, generator.space, quantile)
        gate = QualityGate(params.gate, copies)
        progress.log(
            f"generate: {copies.describe() if copies else f'copy check {gate.copy_check}'}"
        )
        with replace_folder(root / paths.SYNTHETIC) as folder:
            generate(folder, generator, request, gate, exported=params.export)
        if gate.rejected:
            progress.log(f"generate: {gate.describe()}; the next seeds replace them")
