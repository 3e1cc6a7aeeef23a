"""Times contenders in turn, on the CPU in separate processes.

``python -m bench.race NAME SIZE`` is such a process: it runs the figure that each line names.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from syda.model import memory

from .networks import ROOT, SAMPLE, Contender, Size, contender, convolutions

AFTER = "after"
"""Figure: a sample in a process that has just trained."""


def environment() -> dict[str, str]:
    """Return the environment of a process that runs a module of this folder."""
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}


class ContenderProcess:
    """A contender in another process.

    Args:
        name: see :func:`bench.networks.contender`.
        size: of its networks.
    """

    def __init__(self, name: str, size: Size) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.race", name, json.dumps(asdict(size))],
            env=environment(),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.title, self.figures, self.interval = self._read()

    def seconds(self, figure: str) -> float:
        """Run it and return the wall time.

        Raises:
            RuntimeError: the process has ended; its message is on stderr.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the read below reports it
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

    def __enter__(self) -> "ContenderProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()


@dataclass(frozen=True)
class Pair:
    """A contender in two processes: one trains, one only samples.

    A process that has trained holds free memory, which a sample need not request.
    """

    trains: ContenderProcess
    samples: ContenderProcess

    @property
    def title(self) -> str:
        """In the table."""
        return self.trains.title

    @property
    def figures(self) -> list[str]:
        """Names of what is measured."""
        return [*self.trains.figures, AFTER]

    @property
    def interval(self) -> int:
        """Steps from one with penalties to the next."""
        return self.trains.interval

    def seconds(self, figure: str) -> float:
        """Run it in the process for it and return the wall time."""
        if figure == AFTER:
            return self.trains.seconds(SAMPLE)
        return (self.samples if figure == SAMPLE else self.trains).seconds(figure)


@dataclass(frozen=True)
class Times:
    """Seconds for each image.

    Attributes:
        step: without penalties.
        penalised: a step with penalties.
        average: of all steps.
        sample: on a CPU in a process that only samples.
        after: a sample in a process that has just trained, on a CPU.
    """

    step: float
    penalised: float | None
    average: float | None
    sample: float
    after: float | None


@dataclass(frozen=True)
class RaceResult:
    """Medians of a contender, and the rounds that they are of."""

    title: str
    median: Times
    rounds: tuple[Times, ...]

    def over(self, other: "RaceResult", figure: str) -> tuple[float, float, float]:
        """Return the ratio of the medians to another's, and its range over the rounds."""
        ratios = [
            getattr(one, figure) / getattr(reference, figure)
            for one, reference in zip(self.rounds, other.rounds, strict=True)
        ]
        ratio = getattr(self.median, figure) / getattr(other.median, figure)
        return ratio, min(ratios), max(ratios)


def race(size: Size, device: torch.device) -> dict[str, RaceResult]:
    """Time all contenders.

    On a GPU all share a process, since each process would reserve device memory; the plain network,
    which is float32, is left out there.
    """
    if device.type == "cpu":
        names = ("syda", "grouped", "plain", "convolutions")
        with ExitStack() as stack:
            pairs = {
                name: Pair(*(stack.enter_context(ContenderProcess(name, size)) for _ in range(2)))
                for name in names
            }
            return timed(size, pairs)
    ours, grouped = (contender(name, size, device) for name in ("syda", "grouped"))
    alone = convolutions(ours, device)
    return timed(size, {"syda": ours, "grouped": grouped, "convolutions": alone})


def timed(size: Size, contenders: Mapping[str, Contender | Pair]) -> dict[str, RaceResult]:
    """Run the rounds, and one before them that is not counted."""
    seconds: dict[str, dict[str, list[float]]] = {name: {} for name in contenders}
    for turn in range(1 + size.rounds):
        start = time.perf_counter()
        for name, one in contenders.items():
            for figure in one.figures:
                seconds[name].setdefault(figure, []).append(one.seconds(figure))
        took = time.perf_counter() - start
        print(
            f"bench: {size.resolution}^3, round {turn} of {size.rounds}: {took:.1f} s", flush=True
        )
    return {
        name: _result(size, one.title, one.interval, seconds[name])
        for name, one in contenders.items()
    }


def _result(
    size: Size, title: str, interval: int, seconds: Mapping[str, Sequence[float]]
) -> RaceResult:
    rounds = [
        times(size, interval, dict(zip(seconds, each, strict=True)))
        for each in list(zip(*seconds.values(), strict=True))[1:]
    ]

    def median(figure: str) -> Any:
        column = [getattr(one, figure) for one in rounds]
        return None if None in column else statistics.median(column)

    return RaceResult(title, Times(*(median(each.name) for each in fields(Times))), tuple(rounds))


def times(size: Size, interval: int, seconds: Mapping[str, float]) -> Times:
    """Convert the seconds of each figure to those for each image."""
    step, sample, after = seconds["step"], seconds[SAMPLE], seconds.get(AFTER)
    if "penalised" not in seconds:
        return Times(step / size.batch, None, None, sample, after)
    penalised = seconds["penalised"]
    average = step + (penalised - step) / interval
    return Times(step / size.batch, penalised / size.batch, average / size.batch, sample, after)


def serve(name: str, size: Size) -> None:
    """Build a contender, and run the figure that each line of stdin names."""
    if name != "plain":
        memory.disable_malloc_trim()  # as in every command with these networks
    one = contender(name, size, torch.device("cpu"))
    print(json.dumps((one.title, one.figures, one.interval)), flush=True)
    for line in sys.stdin:
        print(json.dumps(one.seconds(line.strip())), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], Size(**json.loads(sys.argv[2])))
