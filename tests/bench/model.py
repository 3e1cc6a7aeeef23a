"""``make bench``: a training step and a sample of SYDA's networks beside other ways to write them.

Writes reports/benchmarks/model.md; ``--quick`` prints a page of tiny sizes instead. Figures are
medians of rounds in which every contender has its turn, after a round that does not count: a noisy
machine slows them all. On the CPU each has two processes of its own, whose memory nobody else
has cut into pieces: one that trains, and one that only samples.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from syda.model import memory, modulated_conv
from syda.model.conditions import Value, measure
from syda.model.discriminator import Discriminator
from syda.model.generator import Generator
from syda.model.synthesis import START
from syda.params import ModelParams, load
from syda.runtime.outputs import write_text
from syda.stages import train
from syda.training.devices import Place
from syda.training.module import Game
from syda.training.recipe import Recipe

from . import plain_stylegan as plain
from .convolutions import Alone

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "reports" / "benchmarks" / "model.md"
PATH_WEIGHT = 2.0
"""params.yaml turns path-length regularisation off at 32^3; the scale gpu-128 has this."""
SERVE = "--serve"

SAMPLE, AFTER = "sample", "after"
"""Figures: a sample, and one in a process that has just trained."""
IN_A_ROW = 8
"""Samples that are timed together, for the mean of them."""

PLAIN_AIM, SAMPLE_AIM, CONVOLUTION_AIM = 3.0, 15.0, 0.5


@dataclass(frozen=True)
class Size:
    """What is measured: feature maps at 4, 8, 16, ... voxels a side, images a step, rounds."""

    channels: tuple[int, ...]
    batch: int
    rounds: int

    @property
    def side(self) -> int:
        """Voxels."""
        return START * 2 ** (len(self.channels) - 1)


@dataclass(frozen=True)
class Plan:
    """Sizes of the CPU's tables, of the GPU's, and the generator of the one sample."""

    cpu: tuple[Size, ...]
    gpu: Size
    sample: tuple[int, ...]


@dataclass(frozen=True)
class Contender:
    """Something to be timed.

    Attributes:
        title: in the table.
        work: by figure: ``step``, ``penalised``, ``sample``; one that is left out is not measured.
        interval: steps from one with penalties to the next.
    """

    title: str
    work: dict[str, Callable[[], object]]
    interval: int

    @property
    def figures(self) -> list[str]:
        """What is measured, in order."""
        return list(self.work)

    def seconds(self, figure: str) -> float:
        """Run it; on the wall."""
        times = IN_A_ROW if figure == SAMPLE else 1
        start = time.perf_counter()
        for _ in range(times):
            self.work[figure]()
            if torch.cuda.is_initialized():
                torch.cuda.synchronize()
        return (time.perf_counter() - start) / times


def environment() -> dict[str, str]:
    """Of a process that runs a module of this folder."""
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}


class Apart:
    """A contender in a process of its own, used as if it were here.

    Args:
        name: of the contender, see :func:`contender`.
        size: of its networks.
    """

    def __init__(self, name: str, size: Size) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.model", SERVE, name, json.dumps(asdict(size))],
            env=environment(),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.title, self.figures, self.interval = self._read()

    def seconds(self, figure: str) -> float:
        """Run it; on the wall.

        Raises:
            RuntimeError: the process is gone; it has said why.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the process is gone: reading says so
            print(figure, file=self._process.stdin, flush=True)
        seconds: float = self._read()
        return seconds

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            raise RuntimeError(f"bench: {self._process.args} ended with {self._process.returncode}")
        return json.loads(line)

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.terminate()
        self._process.communicate()


@dataclass(frozen=True)
class Pair:
    """A contender in two processes, used as if it were one.

    Volumes are drawn by a process that has not trained. One that has holds memory which a sample
    in it need not ask the system for, which is a help to those that do not keep theirs.

    Attributes:
        trains: does all that is asked of it.
        samples: does nothing but sample.
    """

    trains: Apart
    samples: Apart

    @property
    def title(self) -> str:
        """In the table."""
        return self.trains.title

    @property
    def figures(self) -> list[str]:
        """What is measured, in order."""
        return [*self.trains.figures, AFTER]

    @property
    def interval(self) -> int:
        """Steps from one with penalties to the next."""
        return self.trains.interval

    def seconds(self, figure: str) -> float:
        """Run it where it belongs; on the wall."""
        if figure == AFTER:
            return self.trains.seconds(SAMPLE)
        return (self.samples if figure == SAMPLE else self.trains).seconds(figure)


def serve(name: str, size: Size) -> None:
    """Build a contender and run the figure that each line names, for as long as there are any."""
    if name != "plain":
        memory.keep()  # as every stage with these networks does
    own = contender(name, size, torch.device("cpu"))
    print(json.dumps((own.title, own.figures, own.interval)), flush=True)
    for line in sys.stdin:
        print(json.dumps(own.seconds(line.strip())), flush=True)


@dataclass(frozen=True)
class Times:
    """Seconds an image.

    Attributes:
        step: that trains, without penalties.
        penalised: one with them.
        average: of all steps.
        sample: on a CPU in a process that does nothing else.
        after: a sample in a process that has just trained, on a CPU.
    """

    step: float
    penalised: float | None
    average: float | None
    sample: float
    after: float | None


@dataclass(frozen=True)
class Raced:
    """What a contender took: its medians, and every round that they are of."""

    title: str
    median: Times
    rounds: tuple[Times, ...]

    def over(self, other: "Raced", figure: str) -> tuple[float, float, float]:
        """Time over another's: by the medians, and the least and the most of a round."""
        ratios = [
            getattr(one, figure) / getattr(beside, figure)
            for one, beside in zip(self.rounds, other.rounds, strict=True)
        ]
        ratio = getattr(self.median, figure) / getattr(other.median, figure)
        return ratio, min(ratios), max(ratios)


def full() -> Plan:
    """The sizes of the report; the smallest is that of params.yaml."""
    params = load(ROOT)
    batch = params.section("train", train.Params).batch
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


def recipe_of(size: Size) -> Recipe:
    """That of params.yaml with both penalties, which fall due together, at the full side."""
    recipe = load(ROOT).section("train", train.Params).recipe()
    return replace(
        recipe,
        batch=size.batch,
        coarse_images=0,
        path_weight=PATH_WEIGHT,
        path_interval=recipe.r1_interval,
        patience_images=10**9,
    )


def model_of(size: Size) -> ModelParams:
    """That of params.yaml with other feature maps."""
    channels = list(size.channels)
    update = {"channels": channels, "discriminator_channels": channels}
    return load(ROOT).model.model_copy(update=update)


def volumes(size: Size, device: torch.device) -> Tensor:
    """A batch in the model range."""
    rng = torch.Generator().manual_seed(1)
    shape = (size.batch, 1, size.side, size.side, size.side)
    return (torch.rand(shape, generator=rng) * 2 - 1).to(device)


def syda(title: str, form: Callable[..., Tensor], size: Size, device: torch.device) -> Contender:
    """SYDA's own training step and sample.

    Args:
        title: in the table.
        form: of the modulated convolution.
        size: of the networks.
        device: that they run on.
    """
    recipe, model = recipe_of(size), model_of(size)
    cases: list[dict[str, Value]] = [
        {name: "FM"[i % 2] if name == "sex" else float(i) for name in model.properties}
        for i in range(8)
    ]
    conditions = measure(cases, model.properties)
    networks = model.networks(conditions.size)
    generator = Generator(**networks["generator"])
    discriminator = Discriminator(**networks["discriminator"])
    real = volumes(size, device)
    generator.synthesis.start_from(real.cpu())
    discriminator.tone.fit(real.cpu())
    game = Game(generator, discriminator, conditions, recipe, Place(0, 1, 1)).to(device)
    game.on_fit_start()
    optimizers = game.configure_optimizers()
    game.optimizers = lambda: optimizers
    game.manual_backward = lambda loss: loss.backward()
    told = torch.stack([conditions.encode(cases[i % 8]) for i in range(size.batch)]).to(device)

    def step(first: int) -> None:
        game.steps = first  # the step 0 has penalties, the step 1 has none
        with mock.patch.object(modulated_conv, "modulated_conv3d", form):
            game.training_step((real, told))

    @torch.no_grad()
    def sample() -> None:
        z, noise = generator.draw_latents(1, game.rng), generator.draw_noise(1, game.rng)
        with mock.patch.object(modulated_conv, "modulated_conv3d", form):
            generator(z, told[:1], noise, dtype=game.dtype_of_maps)

    work = {"step": partial(step, 1), "penalised": partial(step, 0), SAMPLE: sample}
    return Contender(title, work, recipe.r1_interval)


def plain_stylegan(size: Size, device: torch.device) -> Contender:
    """The plain one, of the same width."""
    recipe, model = recipe_of(size), model_of(size)
    shape = model.model_dump(exclude={"discriminator_channels", "properties"})
    generator = plain.Generator(**shape).to(device)
    discriminator = plain.Discriminator(size.channels).to(device)
    real = volumes(size, device)
    gamma = recipe.r1_weight * real[0].numel() / size.batch
    training = plain.Training(generator, discriminator, gamma, PATH_WEIGHT, recipe.generator_lr)

    @torch.no_grad()
    def sample() -> None:
        generator.images(generator.styles(1))

    work = {
        "step": partial(training.step, real, penalties=False),
        "penalised": partial(training.step, real),
        SAMPLE: sample,
    }
    return Contender("plain 3D StyleGAN2", work, interval=1)


def convolutions(of: Contender, device: torch.device) -> Contender:
    """The same convolutions as another contender's, without penalties, and nothing else."""
    work: dict[str, Callable[[], object]] = {
        figure: Alone(of.work[figure], device) for figure in ("step", SAMPLE)
    }
    return Contender("SYDA's convolutions alone", work, of.interval)


def contender(name: str, size: Size, device: torch.device) -> Contender:
    """Build one of them: ``syda``, ``grouped``, ``plain`` or ``convolutions``."""
    torch.manual_seed(0)
    match name:
        case "syda":
            return syda("SYDA", modulated_conv.modulated_conv3d, size, device)
        case "grouped":
            return syda("SYDA, grouped convolution", plain.grouped_conv3d, size, device)
        case "plain":
            return plain_stylegan(size, device)
        case "convolutions":
            return convolutions(contender("syda", size, device), device)
    raise ValueError(f"no contender is called {name}")


def race(size: Size, device: torch.device) -> dict[str, Raced]:
    """Time all contenders, in turn.

    The plain one, which is float32, is no contender on a GPU; there all share a process, since each
    process would keep its own memory of the device.
    """
    if device.type == "cpu":
        names = ("syda", "grouped", "plain", "convolutions")
        with ExitStack() as stack:
            apart = {
                name: Pair(*(stack.enter_context(Apart(name, size)) for _ in range(2)))
                for name in names
            }
            return timed(size, apart)
    ours, grouped = (contender(name, size, device) for name in ("syda", "grouped"))
    alone = convolutions(ours, device)
    return timed(size, {"syda": ours, "grouped": grouped, "convolutions": alone})


def timed(size: Size, field: Mapping[str, Contender | Pair]) -> dict[str, Raced]:
    """Run the rounds."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for turn in range(1 + size.rounds):
        start = time.perf_counter()
        for name, own in field.items():
            for figure in own.figures:
                seconds.setdefault((name, figure), []).append(own.seconds(figure))
        took = time.perf_counter() - start
        print(f"bench: {size.side}^3, round {turn} of {size.rounds}: {took:.1f} s", flush=True)
    return {
        name: summed_up(
            size,
            own.title,
            own.interval,
            {figure: seconds[name, figure][1:] for figure in own.figures},
        )
        for name, own in field.items()
    }


def summed_up(
    size: Size, title: str, interval: int, seconds: Mapping[str, Sequence[float]]
) -> Raced:
    """Turn the seconds of each figure, one a round, into times an image."""
    rounds = [
        times(size, interval, dict(zip(seconds, each, strict=True)))
        for each in zip(*seconds.values(), strict=True)
    ]

    def median(figure: str) -> Any:
        column = [getattr(one, figure) for one in rounds]
        return None if None in column else statistics.median(column)

    return Raced(title, Times(*(median(each.name) for each in fields(Times))), tuple(rounds))


def times(size: Size, interval: int, seconds: Mapping[str, float]) -> Times:
    """Of the seconds of a step, one with penalties if there are any, and samples."""
    step, sample, after = seconds["step"], seconds[SAMPLE], seconds.get(AFTER)
    if "penalised" not in seconds:
        return Times(step / size.batch, None, None, sample, after)
    penalised = seconds["penalised"]
    average = step + (penalised - step) / interval
    return Times(step / size.batch, penalised / size.batch, average / size.batch, sample, after)


def table(raced: Mapping[str, Raced]) -> list[str]:
    """Milliseconds, and in brackets how many times SYDA's."""
    shown = ("average", "step", "penalised", SAMPLE, AFTER)
    ours = raced["syda"].median
    lines = [
        "| contender | average step | without penalties | with penalties "
        "| sample | after training |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in raced.values():
        cells = [
            "-" if seconds is None else f"{1000 * seconds:.1f} ms ({seconds / beside:.2f})"
            for figure in shown
            for seconds, beside in [(getattr(one.median, figure), getattr(ours, figure))]
        ]
        lines.append(f"| {one.title} | {' | '.join(cells)} |")
    return lines


def aim(text: str, reached: str, met: bool) -> str:
    """A line of the table of aims."""
    return f"| {text} | {reached} | {'met' if met else 'not met'} |"


def ratio_aim(text: str, found: tuple[float, float, float], unit: str, least: float) -> str:
    """A line of the table of aims, of a ratio that is to be large: see :meth:`Raced.over`."""
    ratio, low, high = found
    return aim(text, f"{ratio:.2f} {unit} ({low:.2f} to {high:.2f})", ratio >= least)


def lazily(raced: Mapping[str, Raced], interval: int) -> str:
    """What the plain one's average step would be with SYDA's interval of penalties, a sentence."""
    ours, other = raced["syda"].median, raced["plain"].median
    assert other.penalised is not None
    assert ours.average is not None
    average = other.step + (other.penalised - other.step) / interval
    return (
        f"With penalties every {interval} steps too, the plain one's average step would take "
        f"{1000 * average:.1f} ms ({average / ours.average:.2f})."
    )


def aims(side: int, raced: Mapping[str, Raced]) -> list[str]:
    """What was aimed at on the CPU beside what was reached."""
    ours, grouped, other = (raced[name] for name in ("syda", "grouped", "plain"))
    lines = []
    for figure, what in (
        ("average", f"training at {side}^3"),
        (SAMPLE, f"sampling at {side}^3"),
        (AFTER, f"sampling at {side}^3, just after training"),
    ):
        text = f"{what}, {PLAIN_AIM:g} times as fast as the plain one"
        lines.append(ratio_aim(text, other.over(ours, figure), "times", PLAIN_AIM))
        text = f"{what}, not slower than the grouped form"
        lines.append(ratio_aim(text, grouped.over(ours, figure), "times", 1))
    return lines


def one_sample(channels: Sequence[int]) -> dict[str, Any]:
    """What ``bench.sample`` finds, in a process of its own.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "bench.sample", *map(str, channels)]
    done = subprocess.run(command, env=environment(), cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def on_gpu(size: Size, device: torch.device) -> tuple[list[str], list[str]]:
    """The section of the GPU and the lines of its aims; only that there is none where so."""
    if device.type == "cuda" and not torch.cuda.is_available():
        return ["There is no GPU here: nothing was measured on one."], []
    try:
        raced = race(size, device)
    except torch.OutOfMemoryError:
        return [f"Too little GPU memory for a batch of {size.batch} at {size.side}^3."], []
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    ours = raced["syda"]
    text = f"GPU: training at {size.side}^3, {CONVOLUTION_AIM:g} of its convolutions' speed"
    share = raced["convolutions"].over(ours, "step")
    lines = [ratio_aim(text, share, "of it", CONVOLUTION_AIM)]
    text = f"GPU: training at {size.side}^3, not slower than the grouped form"
    lines.append(ratio_aim(text, raced["grouped"].over(ours, "average"), "times", 1))
    return [f"{name}, {described(size)}.", "", *table(raced)], lines


def described(size: Size) -> str:
    """A size in words."""
    maps = ", ".join(map(str, size.channels))
    return f"feature maps {maps}, batch {size.batch}, medians of {size.rounds} rounds"


def cpu_name() -> str:
    """The model of the processor."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def page(plan: Plan, gpu: torch.device) -> str:
    """Measure everything and return the report."""
    cpu = torch.device("cpu")
    tables, reached = [], []
    for size in plan.cpu:
        raced = race(size, cpu)
        tables += [f"## {size.side}^3", "", f"CPU, {described(size)}.", "", *table(raced), ""]
        tables += [lazily(raced, recipe_of(size).r1_interval), ""]
        reached += aims(size.side, raced)
    large, more = on_gpu(plan.gpu, gpu)
    sample = one_sample(plan.sample)
    side = Size(plan.sample, 1, 1).side
    text = f"one sample at {side}^3 in at most {SAMPLE_AIM:g} s"
    reached.append(aim(text, f"{sample['wall_s']:.2f} s", sample["wall_s"] <= SAMPLE_AIM))
    lines = [
        "# Training and sampling",
        "",
        f"{cpu_name()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads; Python "
        f"{platform.python_version()}, torch {torch.__version__}. Every contender has its turn in "
        "every round,",
        "on the CPU in processes of its own. A ratio reached is that of medians, in brackets the",
        "lowest and the highest of a round. Compare rows, not machines.",
        "",
        "| aim | reached | |",
        "| --- | --- | --- |",
        *reached,
        *more,
        "",
        "Milliseconds an image, and in brackets how many times SYDA's that is. A step trains",
        "discriminator and generator. The average step is what a training pays: SYDA's penalties,",
        f"R1 and path length, come every {recipe_of(plan.gpu).r1_interval} steps, the plain one's "
        "at each. SYDA trains and samples",
        f"in {sample['precision']} on this CPU, penalties aside.",
        "",
        f"Samples are drawn one at a time, {IN_A_ROW} in a row, from random numbers to the volume",
        "in the model range: on the CPU by a process that has not trained, which is what",
        "`syda generate` is, and once more just after training, by the process that did. SYDA's",
        "processes keep memory that is free (syda/model/memory.py), the plain one's leave it to",
        "the C library.",
        "",
        "The grouped convolution is the same network with the other form of modulation. The plain",
        "3D StyleGAN2 of equal width is written here in its plainest form: grouped convolution,",
        "contiguous memory, float32, trilinear upsampling and then a convolution (the papers' own",
        "code has both in one), a strided blur, both penalties at each step (the papers have them",
        "lazily), synthetic volumes anew for each side; its forward pass is SYDA's for the same",
        "weights where the operations are the same (tests/bench/test_plain_stylegan.py).",
        "",
        *tables,
        f"## One sample at {side}^3",
        "",
        f"CPU, feature maps {', '.join(map(str, plan.sample))}, "
        f"{sample['precision']}, from seed to HU: {sample['wall_s']:.3g} s,",
        f"{sample['cpu_s']:.3g} s of CPU; the first one of a process {sample['first_s']:.3g} s. "
        f"Peak memory of that process {sample['memory_mb']:.0f} MB.",
        "",
        f"## GPU, {plan.gpu.side}^3",
        "",
        *large,
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Write or print the report, or be one contender of it."""
    parser = argparse.ArgumentParser(prog="python -m bench.model")
    parser.add_argument("--quick", action="store_true", help="print a page of tiny sizes instead")
    parser.add_argument(SERVE, nargs=2, metavar=("NAME", "SIZE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        name, size = asked.serve
        serve(name, Size(**json.loads(size)))
    elif asked.quick:
        print(page(QUICK, torch.device("cuda")))
    else:
        write_text(REPORT, page(full(), torch.device("cuda")))
        print(f"bench: {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
