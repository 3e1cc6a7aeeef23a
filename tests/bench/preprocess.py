"""``make bench``: DICOM to 1.5 mm NIfTI by several tools; cost against the number of cases.

Writes reports/benchmarks/preprocess.md. Figures are medians of ``RUNS`` rounds in which every
contender runs once, in turn, as a process of its own: a noisy machine slows them all.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from bench import phantom
from bench.contenders import CONTENDERS, SPACING_MM
from syda.runtime.outputs import write_text

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "reports" / "benchmarks" / "preprocess.md"
SHAPE, SPACING = (512, 512, 300), (0.75, 0.75, 1.0)
NOISE_HU = 20.0
RUNS = 3
CASES = (10, 100, 1000)


@dataclass(frozen=True)
class Cost:
    """One process: seconds on the wall and of CPU, and peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def measure(command: Sequence[str | Path], folder: Path, **environment: str) -> Cost:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    start = time.perf_counter()
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}", **environment}
    process = subprocess.Popen(command, cwd=folder, env=env)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def error(body: list[phantom.Ball], path: Path) -> float:
    """Root mean square of a result's difference to the body, HU, 10 mm and more off the faces."""
    image = nib.as_closest_canonical(nib.load(path))
    assert np.allclose(image.header.get_zooms(), SPACING_MM, atol=1e-3)
    found = np.asarray(image.dataobj, dtype=np.float32)
    difference = found - phantom.sample(body, image.affine, found.shape)
    return float(np.sqrt(np.mean(difference[7:-7, 7:-7, 7:-7] ** 2)))


def compare_with_peers(scratch: Path) -> list[str]:
    """The table of contenders."""
    body = phantom.balls(7, np.array(SHAPE) * SPACING / 2)
    errors: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    costs: dict[str, list[Cost]] = {name: [] for name in CONTENDERS}
    for noise, runs in ((0.0, 1), (NOISE_HU, RUNS)):
        dicom = scratch / f"noise-{noise:g}"
        phantom.write(phantom.scan(body, SHAPE, SPACING, noise), dicom)
        for run in range(runs):
            for name in CONTENDERS:
                output = scratch / f"{name}-{noise:g}-{run}.nii.gz"
                command = [sys.executable, "-m", "bench.contenders", name, dicom, output]
                cost = measure(command, ROOT)
                if noise:
                    costs[name].append(cost)
                if run == 0:
                    errors[name].append(error(body, output))
                print(f"bench: {name}, noise {noise:g} HU: {cost.wall:.1f} s", flush=True)
    fastest = min(
        statistics.median(c.wall for c in costs[name]) for name in CONTENDERS if name != "syda"
    )
    lines = [
        "| contender | wall, s | over the fastest peer | CPU, s | memory, MB "
        f"| error, no noise, HU | error, noise {NOISE_HU:g} HU, HU |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, (title, _) in CONTENDERS.items():
        wall, cpu, memory = (
            statistics.median(getattr(c, figure) for c in costs[name])
            for figure in ("wall", "cpu", "memory")
        )
        clean, noisy = errors[name]
        lines.append(
            f"| {title} | {wall:.2f} | {wall / fastest:.2f} | {cpu:.2f} | {memory:.0f} "
            f"| {clean:.2f} | {noisy:.2f} |"
        )
    return lines


def against_number(scratch: Path) -> list[str]:
    """The table of cost against number of cases: ``syda convert`` and ``syda resample``."""
    volume = phantom.scan(phantom.WATER_BALL, (32, 32, 16), (1.5, 1.5, 3.0), 10.0)
    lines = [
        "| cases | first run, s | a case, ms | second run, s | a case, ms |",
        "| --- | --- | --- | --- | --- |",
    ]
    for count in CASES:
        root = scratch / f"cases-{count}"
        for number in range(count):
            phantom.write(volume, root / f"data/raw/v0/{number:04d}", seed=f"case {number}")
        (root / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
        walls = []
        for _ in range(2):
            costs = [
                measure([sys.executable, "-m", "syda", stage], root)
                for stage in ("convert", "resample")
            ]
            walls.append(sum(cost.wall for cost in costs))
            print(f"bench: {count} cases: {walls[-1]:.1f} s", flush=True)
        cells = " | ".join(f"{wall:.1f} | {1000 * wall / count:.0f}" for wall in walls)
        lines.append(f"| {count} | {cells} |")
    return lines


def main() -> None:
    """Write the report."""
    argparse.ArgumentParser(prog="python -m bench.preprocess").parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        peers = compare_with_peers(Path(scratch))
        numbers = against_number(Path(scratch))
    size = " x ".join(map(str, SHAPE))
    voxel = " x ".join(f"{s:g}" for s in SPACING)
    page = [
        "# Preprocessing",
        "",
        f"DICOM to {SPACING_MM} mm NIfTI (int16, gzip level 1): {size} at {voxel} mm, "
        f"{os.cpu_count()} cores.",
        f"Medians of {RUNS} rounds. Compare rows, not machines.",
        "",
        *peers,
        "",
        "Error: root mean square against the analytic body sampled at the centres of the result's",
        "own voxels, 10 mm and more off the faces. The body is seen through a point spread of",
        f"{phantom.BLUR_MM} mm (sigma), as a scanner sees it; with noise, what the resampling",
        "averages away counts too. SYDA writes and reads a NIfTI file between its two stages, gzip",
        "included; its peers keep theirs unpacked, or none.",
        "",
        "## Cost against number of cases",
        "",
        "`syda convert` and `syda resample` on series of 32 x 32 x 16; the second run finds every",
        "case done.",
        "",
        *numbers,
        "",
    ]
    write_text(REPORT, "\n".join(page))
    print(f"bench: {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
