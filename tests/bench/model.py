"""``make bench``: time of a training step and of a sample, for SYDA's networks and for others.

Writes reports/benchmarks/model.md; ``--quick`` prints a page of tiny sizes instead. Figures are
medians of rounds in which all contenders take turns, so that a noisy machine slows them all.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from syda.params import load
from syda.runtime.outputs import write_text
from syda.training.config import TrainParams

from .networks import IN_A_ROW, ROOT, SAMPLE, Size, train_params_of
from .race import AFTER, RaceResult, environment, race

REPORT = ROOT / "reports" / "benchmarks" / "model.md"
PLAIN_AIM, SAMPLE_AIM, CONVOLUTION_AIM = 3.0, 15.0, 0.5


@dataclass(frozen=True)
class Plan:
    """Sizes of the CPU's tables, of the GPU's, and the generator of the one sample."""

    cpu: tuple[Size, ...]
    gpu: Size
    sample: tuple[int, ...]


def full() -> Plan:
    """Return the sizes of the report; the smallest is that of params.yaml."""
    params = load(ROOT)
    batch = params.section("train", TrainParams).stages[-1].batch
    checklist = (512, 512, 256, 128, 64, 32)
    return Plan(
        cpu=(
            Size(tuple(params.model.channels), batch, rounds=5),
            Size((48, 32, 32, 16, 16), batch, rounds=5),
        ),
        gpu=Size(checklist, batch, rounds=5),
        sample=checklist,
    )


QUICK = Plan(cpu=(Size((16, 16), 2, 1),), gpu=Size((16, 16), 2, 1), sample=(16, 16))
"""Runs the same code in seconds; its figures mean nothing."""


def table(results: Mapping[str, RaceResult]) -> list[str]:
    """Return rows of milliseconds, with their ratio to SYDA's in brackets."""
    ours = results["syda"].median
    lines = [
        "| contender | average step | without penalties | with penalties "
        "| sample | after training |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in results.values():
        cells = [
            "-" if seconds is None else f"{1000 * seconds:.1f} ms ({seconds / reference:.2f})"
            for figure in ("average", "step", "penalised", SAMPLE, AFTER)
            for seconds, reference in [(getattr(one.median, figure), getattr(ours, figure))]
        ]
        lines.append(f"| {one.title} | {' | '.join(cells)} |")
    return lines


def aim(text: str, reached: str, met: bool) -> str:
    """Return a row of the table of aims."""
    return f"| {text} | {reached} | {'met' if met else 'not met'} |"


def ratio_aim(text: str, found: tuple[float, float, float], unit: str, least: float) -> str:
    """Return a row of the table of aims for a ratio: see :meth:`RaceResult.over`."""
    ratio, low, high = found
    return aim(text, f"{ratio:.2f} {unit} ({low:.2f} to {high:.2f})", ratio >= least)


def lazily(results: Mapping[str, RaceResult], interval: int) -> str:
    """Return a sentence on the plain network's average step with lazy penalties."""
    ours, other = results["syda"].median, results["plain"].median
    assert other.penalised is not None
    assert ours.average is not None
    average = other.step + (other.penalised - other.step) / interval
    return (
        f"With penalties every {interval} steps too, the plain network's average step would take "
        f"{1000 * average:.1f} ms ({average / ours.average:.2f})."
    )


def aims(resolution: int, results: Mapping[str, RaceResult]) -> list[str]:
    """Return the rows of the CPU's aims."""
    ours, grouped, other = (results[name] for name in ("syda", "grouped", "plain"))
    lines = []
    for figure, what in (
        ("average", f"training at {resolution}^3"),
        (SAMPLE, f"sampling at {resolution}^3"),
        (AFTER, f"sampling at {resolution}^3, just after training"),
    ):
        text = f"{what}, {PLAIN_AIM:g} times as fast as the plain network"
        lines.append(ratio_aim(text, other.over(ours, figure), "times", PLAIN_AIM))
        text = f"{what}, not slower than the grouped form"
        lines.append(ratio_aim(text, grouped.over(ours, figure), "times", 1))
    return lines


def one_sample(channels: Sequence[int]) -> dict[str, Any]:
    """Return the output of ``bench.sample``."""
    command = [sys.executable, "-m", "bench.sample", *map(str, channels)]
    done = subprocess.run(command, env=environment(), cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def on_gpu(size: Size, device: torch.device) -> tuple[list[str], list[str]]:
    """Return the GPU's section and the rows of its aims."""
    if device.type == "cuda" and not torch.cuda.is_available():
        return ["There is no GPU here: nothing was measured on one."], []
    try:
        results = race(size, device)
    except torch.OutOfMemoryError:
        text = f"Too little GPU memory for a batch of {size.batch} at {size.resolution}^3."
        return [text], []
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    ours, training = results["syda"], f"GPU: training at {size.resolution}^3"
    share = results["convolutions"].over(ours, "step")
    grouped = results["grouped"].over(ours, "average")
    lines = [
        ratio_aim(
            f"{training}, {CONVOLUTION_AIM:g} of its convolutions' speed",
            share,
            "of it",
            CONVOLUTION_AIM,
        ),
        ratio_aim(f"{training}, not slower than the grouped form", grouped, "times", 1),
    ]
    return [f"{name}, {described(size)}.", "", *table(results)], lines


def described(size: Size) -> str:
    """Return a size in words."""
    maps = ", ".join(map(str, size.channels))
    return f"feature maps {maps}, batch {size.batch}, medians of {size.rounds} rounds"


def cpu_name() -> str:
    """Return the model of the processor."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


PAGE = """\
# Training and sampling

{machine}; Python {python}, torch {torch}.
All contenders take turns in every round, on the CPU in separate processes. A ratio reached is that
of medians, with the lowest and the highest of a round in brackets. Compare rows, not machines.

| aim | reached | |
| --- | --- | --- |
{aims}

Milliseconds for each image, with the ratio to SYDA's in brackets. A step trains discriminator and
generator. The average step is the cost of a training: SYDA's penalties, R1 and path length, come
every {interval} steps, the plain network's at each. SYDA trains and samples in {precision} on this
CPU, penalties aside.

Samples are drawn one at a time, {in_a_row} in a row, from random numbers to the volume in the model
range: on the CPU by a process that has not trained, as `syda generate` is, and once more just after
training, by the process that did. SYDA's processes keep free memory (syda/model/memory.py), the
plain network's leave it to the C library.

The grouped convolution is the same network with the other form of modulation. The plain 3D
StyleGAN2 of equal width is our own, in its plainest form: grouped convolution, contiguous memory,
float32, trilinear upsampling and then a convolution (the papers' code has both in one), a strided
blur, both penalties at each step (the papers have them lazily), new synthetic volumes for each
network. Its forward pass is SYDA's for the same weights where the operations are the same
(tests/bench/test_plain_stylegan.py).

{tables}
## One sample at {sample_resolution}^3

CPU, feature maps {sample_channels}, {precision}, from seed to HU: {wall_s:.3g} s, {cpu_s:.3g} s of
CPU; the first one of a process {first_s:.3g} s. Peak memory of that process {memory_mb:.0f} MB.

## GPU, {gpu_resolution}^3

{gpu}
"""


def page(plan: Plan, gpu: torch.device) -> str:
    """Measure everything and return the report."""
    tables, reached = [], []
    for size in plan.cpu:
        results = race(size, torch.device("cpu"))
        tables += [f"## {size.resolution}^3", "", f"CPU, {described(size)}.", "", *table(results)]
        tables += ["", lazily(results, train_params_of(size).r1_interval), ""]
        reached += aims(size.resolution, results)
    large, more = on_gpu(plan.gpu, gpu)
    sample, resolution = one_sample(plan.sample), Size(plan.sample, 1, 1).resolution
    text = f"one sample at {resolution}^3 in at most {SAMPLE_AIM:g} s"
    reached.append(aim(text, f"{sample['wall_s']:.2f} s", sample["wall_s"] <= SAMPLE_AIM))
    return PAGE.format(
        machine=f"{cpu_name()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        python=platform.python_version(),
        torch=torch.__version__,
        aims="\n".join([*reached, *more]),
        interval=train_params_of(plan.gpu).r1_interval,
        in_a_row=IN_A_ROW,
        tables="\n".join(tables),
        sample_resolution=resolution,
        sample_channels=", ".join(map(str, plan.sample)),
        gpu_resolution=plan.gpu.resolution,
        gpu="\n".join(large),
        **sample,
    )


def main() -> None:
    """Write or print the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.model")
    parser.add_argument("--quick", action="store_true", help="print a page of tiny sizes instead")
    if parser.parse_args().quick:
        print(page(QUICK, torch.device("cuda")), end="")
    else:
        write_text(REPORT, page(full(), torch.device("cuda")))
        print(f"bench: {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
