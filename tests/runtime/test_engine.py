import os
from functools import partial

import pytest

from syda.errors import SydaError, UsageError
from syda.runtime import engine

PID = "__import__('os').getpid()"


def test_results_come_in_order_from_worker_processes(monkeypatch):
    monkeypatch.setenv("SYDA_WORKERS", "2")
    results = list(engine.parallel_map(partial(pow, 2), range(6), "power", "numbers"))
    assert results == [1, 2, 4, 8, 16, 32]
    pids = set(engine.parallel_map(eval, [PID] * 4, "pid", "numbers"))
    assert os.getpid() not in pids


def test_a_worker_that_dies_is_one_line(monkeypatch):
    monkeypatch.setenv("SYDA_WORKERS", "2")
    with pytest.raises(SydaError, match="a worker process died"):
        list(engine.parallel_map(eval, ["__import__('os')._exit(9)"] * 2, "die", "numbers"))


def test_one_worker_is_this_process():
    assert set(engine.parallel_map(eval, [PID] * 3, "pid", "numbers")) == {os.getpid()}


@pytest.mark.parametrize("wanted", ["0", "two", "-1"])
def test_a_wrong_number_of_workers_is_wrong_use(monkeypatch, wanted):
    monkeypatch.setenv("SYDA_WORKERS", wanted)
    with pytest.raises(UsageError, match="positive integer"):
        engine.workers()
