"""The report's code runs, at sizes whose figures mean nothing."""

import re
from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional

from . import convolutions, model, networks
from .networks import Size
from .race import ContenderProcess, Pair, RaceResult, Times, timed, times


@pytest.fixture
def raced() -> dict[str, RaceResult]:
    found = {
        "syda": ("SYDA", Times(0.01, 0.03, 0.02, 0.004, 0.005)),
        "grouped": ("grouped", Times(0.01, 0.03, 0.019, 0.004, 0.005)),
        "plain": ("plain", Times(0.05, 0.08, 0.08, 0.01, 0.006)),
        "convolutions": ("alone", Times(0.008, None, None, 0.002, None)),
    }
    slow = Times(0.01, 0.03, 0.04, 0.008, 0.01)  # a round in which SYDA alone was held up
    return {
        name: RaceResult(title, one, (one, slow if name == "syda" else one))
        for name, (title, one) in found.items()
    }


@pytest.fixture
def one_thread(monkeypatch) -> Iterator[None]:
    """Tiny work beside other tests: threads would wait for each other most of the time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.exhaustive  # nothing else runs the whole page; its parts are tested below
@pytest.mark.usefixtures("one_thread")
def test_the_report_is_a_page_of_well_formed_tables(repository):
    page = model.page(model.QUICK, torch.device("cpu"))
    blocks = [b.splitlines() for b in page.split("\n\n") if b.startswith("|")]
    assert [len(rows) - 2 for rows in blocks] == [9, 4, 4]
    for rows in blocks:
        assert len({row.count("|") for row in rows}) == 1
    assert all(row.endswith(("| met |", "| not met |")) for row in blocks[0][2:])
    for row in blocks[1][2:] + blocks[2][2:]:
        figures = row.strip("| ").split(" | ")[1:]
        assert all(re.fullmatch(r"\d+\.\d ms \(\d+\.\d\d\)|-", figure) for figure in figures), row
    assert "nan" not in page
    assert str(repository) not in page


def test_where_there_is_no_gpu_the_report_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    lines, aims = model.on_gpu(model.QUICK.gpu, torch.device("cuda"))
    assert lines == ["There is no GPU here: nothing was measured on one."]
    assert aims == []


def test_times_are_in_milliseconds_and_over_sydas(raced):
    rows = [row.strip("| ").split(" | ") for row in model.table(raced)[2:]]
    assert rows[2] == [
        "plain",
        "80.0 ms (4.00)",
        "50.0 ms (5.00)",
        "80.0 ms (2.67)",
        "10.0 ms (2.50)",
        "6.0 ms (1.20)",
    ]
    assert rows[3][1:] == ["-", "8.0 ms (0.80)", "-", "2.0 ms (0.50)", "-"]


def test_the_plain_network_is_also_reported_with_lazy_penalties(raced):
    assert model.lazily(raced, 8).endswith(
        "every 8 steps too, the plain network's average step would take 53.8 ms (2.69)."
    )


def test_an_aim_that_is_missed_is_called_so(raced):
    lines = model.aims(32, raced)
    assert [line.split(" | ")[1] for line in lines] == [
        "4.00 times (2.00 to 4.00)",
        "0.95 times (0.47 to 0.95)",
        "2.50 times (1.25 to 2.50)",
        "1.00 times (0.50 to 1.00)",
        "1.20 times (0.60 to 1.20)",
        "1.00 times (0.50 to 1.00)",
    ]
    assert [line.endswith("| met |") for line in lines] == [True, False, False, True, False, True]


def test_penalties_count_once_in_their_interval():
    size = Size((16, 16), batch=2, rounds=2)
    seconds = {"step": 1.0, "penalised": 5.0, "sample": 0.5, "after": 0.7}
    found = times(size, 8, seconds)
    assert found == Times(step=0.5, penalised=2.5, average=0.75, sample=0.5, after=0.7)
    assert times(size, 1, seconds).average == 2.5
    without = times(size, 8, {"step": 1.0, "sample": 0.5})
    assert without == Times(step=0.5, penalised=None, average=None, sample=0.5, after=None)


def test_a_sample_is_the_mean_of_some_in_a_row(monkeypatch):
    clock = iter([10.0, 14.0, 20.0, 21.0])
    monkeypatch.setattr(networks.time, "perf_counter", lambda: next(clock))
    done = []
    work = {"sample": lambda: done.append("sample"), "step": lambda: done.append("step")}
    contender = networks.Contender("A", work, interval=1)
    assert contender.seconds("sample") == 4.0 / networks.IN_A_ROW
    assert contender.seconds("step") == 1.0
    assert done == ["sample"] * networks.IN_A_ROW + ["step"]


class Clock:
    """A contender with given times."""

    title, interval = "A", 2

    def __init__(self, **seconds: list[float]) -> None:
        self.left = seconds

    @property
    def figures(self) -> list[str]:
        return list(self.left)

    def seconds(self, figure: str) -> float:
        return self.left[figure].pop(0)


def test_figures_are_medians_and_the_first_round_does_not_count():
    size = Size((16, 16), batch=2, rounds=3)
    clock = Clock(step=[99.0, 2.0, 6.0, 4.0], sample=[99.0, 3.0, 1.0, 2.0])
    found = timed(size, {"a": clock})["a"]
    assert found.title == "A"
    assert (found.median.step, found.median.sample, found.median.average) == (2.0, 2.0, None)
    assert [(one.step, one.sample) for one in found.rounds] == [(1.0, 3.0), (3.0, 1.0), (2.0, 2.0)]


def test_an_average_is_the_median_of_those_of_the_rounds():
    size = Size((16, 16), batch=1, rounds=3)
    clock = Clock(step=[0.0, 1.0, 2.0, 9.0], penalised=[0.0, 9.0, 2.0, 1.0], sample=[1.0] * 4)
    found = timed(size, {"a": clock})["a"]
    assert [one.average for one in found.rounds] == [5.0, 2.0, 5.0]
    assert found.median.average == 5.0  # that of the medians, 2 and 2, would be 2


def test_samples_have_a_process_that_does_nothing_else_and_one_that_has_trained():
    pair = Pair(
        trains=Clock(step=[1.0], penalised=[2.0], sample=[4.0]),
        samples=Clock(step=[], penalised=[], sample=[3.0]),
    )
    assert (pair.title, pair.interval) == ("A", 2)
    assert {figure: pair.seconds(figure) for figure in pair.figures} == {
        "step": 1.0,
        "penalised": 2.0,
        "sample": 3.0,
        "after": 4.0,
    }
    assert pair.figures[-1] == "after"  # right after what trains, in its process


def test_convolutions_are_recorded_with_the_gradients_they_need():
    weight = torch.randn(2, 3, 3, 3, 3, requires_grad=True)
    x = torch.randn(1, 3, 4, 4, 4, dtype=torch.bfloat16)

    def work() -> None:
        y = functional.conv3d(x, weight.bfloat16(), padding=1)
        with torch.no_grad():
            functional.conv_transpose3d(y, weight.bfloat16(), stride=2)

    first, second = convolutions.record(work)
    assert (first.form, first.x, first.weight) == ("conv3d", (1, 3, 4, 4, 4), (2, 3, 3, 3, 3))
    assert (first.dtype, first.x_grad, first.weight_grad) == (torch.bfloat16, False, True)
    assert (second.form, second.x) == ("conv_transpose3d", (1, 2, 4, 4, 4))
    assert (first.options, second.options) == ({"padding": 1}, {"stride": 2})
    assert (second.x_grad, second.weight_grad) == (False, False)
    alone = convolutions.Alone(work, torch.device("cpu"))
    alone()  # records the work
    assert convolutions.record(alone) == [first, second]


def test_the_convolutions_of_a_doubling_layer_are_among_those_alone():
    size = Size((16, 16), batch=2, rounds=1)
    ours = networks.contender("syda", size, torch.device("cpu"))
    forms = [call.form for call in convolutions.record(ours.work["sample"])]
    assert forms == ["conv3d", "conv_transpose3d", "conv3d"]


def test_a_contender_that_ends_is_an_error_and_leaves_no_process(capfd):
    with pytest.raises(RuntimeError, match="ended with 1"):
        ContenderProcess("nobody", Size((16, 16), batch=2, rounds=1))
    assert "no contender is called nobody" in capfd.readouterr().err


@pytest.mark.usefixtures("one_thread")
def test_the_grouped_contender_runs_the_grouped_form():
    size = Size((16, 16), batch=2, rounds=1)
    calls = []

    def form(*operands: torch.Tensor) -> torch.Tensor:
        calls.append(operands[0].shape)
        return networks.plain.grouped_conv3d(*operands)

    contender = networks.syda("grouped", form, size, torch.device("cpu"))
    contender.work["sample"]()
    assert [shape[0] for shape in calls] == [1, 1, 1]
    contender.work["step"]()
    assert [shape[0] for shape in calls[3:]] == [2, 2, 2]
