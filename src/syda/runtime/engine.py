"""Per-case work on one ``concurrent.futures`` executor: worker processes here, or a dask cluster.

``SYDA_SCHEDULER=tcp://host:8786`` names the scheduler of a running cluster whose workers share this
file system and this code; the calling code is the same.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from syda.errors import SydaError, UsageError
from syda.runtime import cluster, guard, progress

T = TypeVar("T")
R = TypeVar("R")


def workers() -> int:
    """Number of worker processes: ``SYDA_WORKERS``, or the cores this process may use.

    Raises:
        UsageError: ``SYDA_WORKERS`` is not a positive integer.
    """
    wanted = os.environ.get("SYDA_WORKERS")
    if wanted is None:
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if not wanted.isdigit() or int(wanted) < 1:
        raise UsageError(f"SYDA_WORKERS={wanted}: must be a positive integer")
    return int(wanted)


def _start_worker() -> None:
    guard.die_with_parent()
    os.environ["OMP_NUM_THREADS"] = "1"  # read when a task imports torch: one core a worker


def parallel_map(work: Callable[[T], R], items: Sequence[T], label: str, unit: str) -> Iterator[R]:
    """Yield ``work(item)`` for each item, in order, computed in worker processes.

    Args:
        work: a picklable function (module level, or a ``functools.partial`` of one).
        items: its arguments.
        label: of the progress bar.
        unit: what an item is, for the bar.

    Raises:
        SydaError: a worker was killed, or the cluster does not answer.
        UsageError: the cluster's code is another, or its client is not installed.
    """
    if scheduler := os.environ.get("SYDA_SCHEDULER"):
        results = cluster.dask_map(scheduler, label, work, items)
        yield from progress.track(results, len(items), label, unit)
        return
    count = min(workers(), len(items))
    if count <= 1:
        yield from progress.track(map(work, items), len(items), label, unit)
        return
    context = multiprocessing.get_context("spawn")  # fork is unsafe beside torch's threads
    try:
        with ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker) as pool:
            with guard.signal_blocked(signal.SIGINT):  # Ctrl-C reaches the whole group
                results = pool.map(work, items)
            yield from progress.track(results, len(items), label, unit)
    except BrokenProcessPool as error:
        raise SydaError(
            f"{label}: a worker process died, most often for lack of memory: free some, or run "
            "with fewer workers (SYDA_WORKERS=1)"
        ) from error
