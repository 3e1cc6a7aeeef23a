"""``make bench``: every metric and the privacy audit on 64 against 64 volumes at 128^3.

Writes reports/benchmarks/evaluate.md; ``--quick`` prints a page of tiny sizes instead. Everything
runs once, one after another: a second round would measure the same work again for minutes.
"""

import argparse
import os
import platform
import resource
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from syda.metrics import ms_ssim, privacy, registry
from syda.metrics.cohorts import Cohort, Cohorts, Images, Sampling, VoxelGrid
from syda.metrics.config import EvaluateParams
from syda.metrics.metric import MetricContext
from syda.params import load
from syda.runtime import progress
from syda.runtime.outputs import write_text

from .model import aim, cpu_name

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "reports" / "benchmarks" / "evaluate.md"
AIM_MINUTES, AIM_DIFFERENCE = 10.0, 1e-4


@dataclass(frozen=True)
class Plan:
    """Voxels a side; synthetic, training and held-out volumes; pairs that MONAI measures too."""

    side: int
    synthetic: int
    train: int
    holdout: int
    monai_pairs: int


FULL = Plan(side=128, synthetic=64, train=43, holdout=21, monai_pairs=3)
QUICK = Plan(side=16, synthetic=12, train=12, holdout=12, monai_pairs=2)
"""Runs the same code in seconds; its figures mean nothing."""


@dataclass(frozen=True)
class Cost:
    """Seconds on the wall, and of CPU over all threads."""

    wall: float
    cpu: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall + other.wall, self.cpu + other.cpu)


def timed(work: Callable[[], object]) -> Cost:
    """Run once."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def bodies(count: int, side: int, seed: int, blur: float = 0.0) -> Images:
    """Crude bodies in HU, scaled to [-1, 1]: fat round soft tissue, a liver, a spine, noise.

    Args:
        count: of volumes.
        side: voxels.
        seed: of their sizes and noise.
        blur: standard deviation of a Gaussian over the finished volume, voxels.

    Returns:
        ``[count, side, side, side]``; D, H, W towards superior, anterior, right.
    """
    generator = np.random.default_rng(seed)
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    volumes = np.empty((count, side, side, side), np.float32)
    for volume in volumes:
        a, b, fat, liver = generator.uniform((0.7, 0.5, 0.8, 0.2), (0.9, 0.7, 0.92, 0.3))
        radius = (x / a) ** 2 + (y / b) ** 2
        hu = np.select(
            [
                x**2 + (y + 0.6 * b) ** 2 < 0.012,
                (x - 0.4 * a) ** 2 + y**2 + (z - 0.3) ** 2 < liver**2,
                radius < fat**2,
                radius < 1,
            ],
            [300.0, 60.0, 40.0, -100.0],
            -1000.0,
        ).astype(np.float32)
        hu += generator.normal(0, 15, hu.shape).astype(np.float32)
        if blur:
            hu = ndimage.gaussian_filter(hu, blur)
        volume[:] = np.clip(hu / 1000, -1, 1)
    return volumes


def cohorts(plan: Plan) -> Cohorts:
    """Synthetic volumes a little blurred, as a generator's are, and real ones."""

    def cohort(label: str, count: int, seed: int, blur: float = 0.0) -> Cohort:
        names = tuple(f"{label}-{number}" for number in range(count))
        return Cohort(label, bodies(count, plan.side, seed, blur), names, names)

    real = {"train": cohort("train", plan.train, 1), "holdout": cohort("holdout", plan.holdout, 2)}
    return Cohorts(cohort("synthetic", plan.synthetic, 0, blur=0.7), real)


def costs(cohorts: Cohorts, grid: VoxelGrid, sampling: Sampling) -> dict[str, Cost]:
    """What each part of the evaluation takes: the network, every metric, the privacy audit."""
    context = MetricContext(grid)
    metrics = registry.build(context)
    found = {
        "features of all volumes, shared": timed(
            lambda: context.efficientnet.extract(*cohorts.images)
        )
    }
    for metric in metrics:
        found[f"{metric.title} (`{metric.key}`)"] = timed(
            lambda metric=metric: metric.measure(cohorts, sampling)
        )
    found["privacy tests in both spaces"] = timed(
        lambda: privacy.measure(context, cohorts, sampling)
    )
    return found


def beside_monai(images: Images, pairs: int) -> tuple[Cost, Cost, float]:
    """Cost of so many pairs here and with MONAI, and the largest difference of their results."""
    from monai.metrics import MultiScaleSSIMMetric

    volumes = torch.from_numpy(images[: pairs + 1])
    protocol = ms_ssim.MsSsimProtocol.of_size(images.shape[-1])
    metric = MultiScaleSSIMMetric(
        spatial_dims=3,
        data_range=protocol.data_range,
        kernel_size=protocol.kernel,
        kernel_sigma=protocol.sigma,
        weights=protocol.weights,
        reduction="none",
    )
    ours: list[torch.Tensor] = []
    theirs: list[torch.Tensor] = []

    def here() -> None:
        ours.extend(
            ms_ssim.ms_ssim(volumes[n : n + 1], volumes[n + 1 : n + 2], protocol)
            for n in range(pairs)
        )

    def there() -> None:
        theirs.extend(
            metric(volumes[n : n + 1, None], volumes[n + 1 : n + 2, None]).flatten()
            for n in range(pairs)
        )

    with torch.inference_mode():
        mine, monais = timed(here), timed(there)
    return mine, monais, float((torch.cat(ours) - torch.cat(theirs)).abs().max())


def page(plan: Plan, shown: AbstractContextManager[object]) -> str:
    """Measure everything and return the report."""
    ct, params = load(ROOT).ct, load(ROOT).section("evaluate", EvaluateParams)
    grid = VoxelGrid(plan.side, ct.window_min, ct.window_max)
    sampling = params.sampling
    volumes = cohorts(plan)
    with shown:
        found = costs(volumes, grid, sampling)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    mine, monais, difference = beside_monai(volumes.synthetic.images, plan.monai_pairs)
    total = sum(found.values(), Cost(0, 0))
    real = plan.train + plan.holdout
    text = f"{plan.synthetic} against {real} volumes at {plan.side}^3 in {AIM_MINUTES:g} minutes"
    reached = [
        aim(f"{text} of CPU", f"{total.cpu / 60:.2f} min", total.cpu <= 60 * AIM_MINUTES),
        aim(
            f"MS-SSIM within {AIM_DIFFERENCE:g} of MONAI's",
            f"{difference:.1g}",
            difference <= AIM_DIFFERENCE,
        ),
    ]
    rows = [f"| {what} | {cost.cpu:.1f} | {cost.wall:.1f} |" for what, cost in found.items()]
    lines = [
        "# Evaluation",
        "",
        f"{cpu_name()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads; Python "
        f"{platform.python_version()}, torch {torch.__version__}. Everything ran once.",
        "Compare rows, not machines.",
        "",
        "| aim | reached | |",
        "| --- | --- | --- |",
        *reached,
        "",
        "CPU seconds are those of all threads together; the wall also waits for whatever else the",
        "machine does.",
        "",
        f"## {plan.synthetic} against {real} volumes at {plan.side}^3",
        "",
        f"Synthetic volumes against {plan.train} scans trained on and {plan.holdout} held out, "
        f"with up to {params.pairs}",
        f"pairs and {params.bootstrap} replicates, as in params.yaml. What `syda evaluate` does "
        "besides, reading",
        "volumes and drawing pictures, is not in it. Features that several metrics share are "
        "counted by",
        f"themselves. Peak memory {memory_mb:.0f} MB.",
        "",
        "| what | CPU, s | wall, s |",
        "| --- | --- | --- |",
        *rows,
        f"| together | {total.cpu:.1f} | {total.wall:.1f} |",
        "",
        f"## One pair at {plan.side}^3 beside MONAI",
        "",
        f"Means of {plan.monai_pairs} pairs of the synthetic volumes.",
        "",
        "| MS-SSIM | CPU, s a pair | over SYDA's | wall, s a pair |",
        "| --- | --- | --- | --- |",
        *(
            f"| {who} | {cost.cpu / plan.monai_pairs:.2f} | {cost.cpu / mine.cpu:.1f} "
            f"| {cost.wall / plan.monai_pairs:.2f} |"
            for who, cost in (("SYDA", mine), ("MONAI", monais))
        ),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Write or print the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.evaluate")
    parser.add_argument("--quick", action="store_true", help="print a page of tiny sizes instead")
    if parser.parse_args().quick:
        print(page(QUICK, progress.hidden()))
        return
    write_text(REPORT, page(FULL, nullcontext()))
    print(f"bench: {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
