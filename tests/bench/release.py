"""``make bench``: a volume drawn by the released ONNX graph and by torch, side by side.

Writes reports/benchmarks/release.md. It needs data/weights and data/release, from `dvc repro` or
`dvc pull`.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import torch

from syda import paths
from syda.export import onnx_check
from syda.model import memory
from syda.runtime.outputs import write_text
from syda.sampling.generation import LoadedGenerator, load_generator

from .model import cpu_name
from .networks import ROOT

REPORT = ROOT / "reports" / "benchmarks" / "release.md"
ROUNDS, IN_A_ROW = 9, 8

IMPORTS = {
    "onnxruntime": "import onnxruntime; onnxruntime.InferenceSession(sys.argv[1])",
    "torch": "from syda.sampling import generation; generation.load_generator(Path(sys.argv[2]))",
}
"""What a process does before its first volume, by row."""


def drawers(generator: LoadedGenerator, model: Path) -> dict[str, Callable[[int], object]]:
    """A function of the seed for each row, random numbers included.

    Args:
        generator: in float32.
        model: its ONNX graph.
    """
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    sampler = generator.sampler

    def by_torch(dtype: torch.dtype) -> Callable[[int], object]:
        def draw(seed: int) -> object:
            inputs = sampler.inputs(seed, {})
            with torch.no_grad():
                return sampler.generator(
                    inputs.z, inputs.conditions, inputs.noise, dtype=dtype
                ).numpy()

        return draw

    return {
        "onnxruntime, float32": lambda seed: session.run(None, onnx_check.feed(generator, seed)),
        "torch, float32": by_torch(torch.float32),
        "torch, bfloat16": by_torch(torch.bfloat16),
    }


def race(draws: dict[str, Callable[[int], object]], rounds: int, in_a_row: int) -> list[str]:
    """Rows of milliseconds a volume; all take turns in each round."""
    for draw in draws.values():
        draw(0)
    found: dict[str, list[float]] = {name: [] for name in draws}
    for _ in range(rounds):
        for name, draw in draws.items():
            start = time.perf_counter()
            for seed in range(in_a_row):
                draw(seed)
            found[name].append(1000 * (time.perf_counter() - start) / in_a_row)
    first = statistics.median(next(iter(found.values())))
    return [
        f"| {name} | {statistics.median(times):.1f} ms | {min(times):.1f} to {max(times):.1f} ms "
        f"| {statistics.median(times) / first:.2f} |"
        for name, times in found.items()
    ]


def start_up(name: str, model: Path, weights: Path) -> float:
    """Seconds in which a process imports what it needs and loads the weights."""
    code = f"import sys; from pathlib import Path; {IMPORTS[name]}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, model, weights], env=environment, check=True)
    return time.perf_counter() - start


PAGE = """\
# The release: ONNX beside torch

{machine}; both with the threads that they choose, torch {threads}. One volume of {side}^3 after
another, from a seed to voxels, without the quality gate. All take turns in {rounds} rounds of
{in_a_row} volumes. Compare rows, not machines.

| drawn by | median | range | over onnxruntime |
| --- | --- | --- | --- |
{rows}

A process is ready for its first volume after {onnxruntime:.1f} s with onnxruntime, and after
{torch:.1f} s with torch.
"""


def page(weights: Path, model: Path, rounds: int = ROUNDS, in_a_row: int = IN_A_ROW) -> str:
    """Measure and render the page.

    Args:
        weights: of the generator.
        model: its ONNX graph.
        rounds: of the race.
        in_a_row: volumes of each in a round.
    """
    memory.disable_malloc_trim()
    generator = load_generator(weights, "float32")
    return PAGE.format(
        machine=cpu_name(),
        threads=torch.get_num_threads(),
        side=generator.space.size,
        rounds=rounds,
        in_a_row=in_a_row,
        rows="\n".join(race(drawers(generator, model), rounds, in_a_row)),
        **{name: start_up(name, model, weights) for name in IMPORTS},
    )


def main() -> None:
    """Write the report."""
    model = ROOT / paths.RELEASE / "generator.onnx"
    if not model.is_file():
        sys.exit(f"bench: no {paths.RELEASE}: `dvc repro` or `dvc pull` brings it")
    write_text(REPORT, page(ROOT / paths.WEIGHTS, model))
    print(f"bench: {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
