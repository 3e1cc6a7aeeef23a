"""``syda generate --out FOLDER``: synthetic volumes from weights, outside the pipeline.

Quality gate and precision are those of section ``generate`` of a params.yaml: a named one, or the
one in the current folder. Without one there is no gate, and a warning says so. The gate looks for
copies of training scans in the records next to that params.yaml or in the current folder; a warning
says if there are none.
"""

import time
from collections.abc import Callable, Collection
from pathlib import Path

from syda import paths
from syda.errors import UsageError
from syda.params import load
from syda.properties import requested
from syda.records.index import records_of
from syda.runtime import progress
from syda.runtime.outputs import replace_folder, require_empty
from syda.sampling.config import GenerateParams
from syda.sampling.export import Format
from syda.sampling.gate import CopyDetector, QualityGate
from syda.sampling.generation import GenerationRequest, LoadedGenerator, generate, load_generator
from syda.volume.model_space import ModelSpace

LoadCopies = Callable[[Path, ModelSpace, float], CopyDetector | None]
""":func:`syda.metrics.copy_check.load`: it lies above this package, so the caller brings it."""


def run(
    out: Path,
    weights: Path,
    request: GenerationRequest,
    formats: Collection[Format],
    params: Path | None,
    load_copies: LoadCopies,
) -> str:
    """Write the volumes of a request.

    Args:
        out: folder to make; it may exist if it is empty.
        weights: folder of the weights, or the file in it.
        request: the volumes.
        formats: of the volumes at true spacing.
        params: folder of the params.yaml, or None.
        load_copies: reads the records of the training.

    Returns:
        A line: what was written, and the seconds for each volume.

    Raises:
        CheckFailed: the gate rejected too many volumes.
        CorruptData: the weights or the records cannot be read.
        UsageError: ``out`` holds something, there are no weights, or no scan can have a requested
            property.
    """
    out = out.resolve()
    require_empty(out, "generate")
    generator, gate = _load(weights, params, load_copies)
    warnings = requested.check(generator.sampler.conditions, request.properties)
    if gate is None:
        warnings.append(
            f"no {paths.PARAMS} here: no quality gate is applied, nobody can tell whether a volume "
            f"is a copy of a training scan, and the precision is {generator.precision}; name one "
            "with --params"
        )
    elif gate.copies is None:
        warnings.append(f"copy check {gate.copy_check}")
    for warning in warnings:
        progress.log(f"warning: generate: {warning}")
    begun = time.perf_counter()
    count = len(request.seeds)
    with replace_folder(out) as folder:
        generate(folder, generator, request, gate, exported=count, formats=formats)
    seconds = (time.perf_counter() - begun) / count
    rejected = f"; {gate.describe()}, the next seeds replace them" if gate and gate.rejected else ""
    return f"synthetic volumes in {out}: {count}, {seconds:.2f} s each{rejected}"


def _load(
    weights: Path, params: Path | None, load_copies: LoadCopies
) -> tuple[LoadedGenerator, QualityGate | None]:
    if params is None:
        return load_generator(weights), None
    section = load(params).section("generate", GenerateParams)
    generator = load_generator(weights, section.precision)
    here = (records_of(root, generator.description.data) for root in (params, Path.cwd()))
    records = next(filter(None, here), None)
    quantile = section.gate.copy_quantile
    copies = load_copies(records, generator.space, quantile) if records and quantile else None
    return generator, QualityGate(section.gate, copies)


def params_folder(named: Path | None) -> Path | None:
    """Return the folder of the named params.yaml, else the current folder if it has one.

    Raises:
        UsageError: the named file does not exist, or has another name.
    """
    if named is None:
        return Path.cwd() if paths.PARAMS.is_file() else None
    if named.name != paths.PARAMS.name or not named.is_file():
        raise UsageError(f"generate: --params {named}: no file {paths.PARAMS} there")
    return named.parent
