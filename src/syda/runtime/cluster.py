"""Per-case work on a running dask cluster of many machines.

The log of a worker prints the argument and the error of a failed task, and warnings. Paths and
headers of raw data may hold a person's name. So the argument has no text form, a failed task
returns its error, which is raised here, and warnings are off.
"""

import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from syda.errors import SydaError, UsageError
from syda.runtime import manifest, module_dependencies
from syda.runtime.digest import combined_digest, sha256_of_file

_PATIENCE = 10
"""Seconds that a scheduler has to answer."""


T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class _Call(Generic[T, R]):
    """A call whose ``repr`` hides its argument."""

    work: Callable[[T], R] = field(repr=False)
    item: T = field(repr=False)


def _answer(call: _Call[Any, R]) -> tuple[R | None, Exception | None]:
    warnings.simplefilter("ignore")  # for good: a block that mutes them is not safe among threads
    try:
        return call.work(call.item), None
    except Exception as error:
        # The way there, which is lost when an error travels; the error's own text is no part of it.
        error.add_note("On the worker:\n" + "".join(traceback.format_tb(error.__traceback__)))
        return None, error


def dask_map(address: str, label: str, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Yield ``work(item)`` for each item, in order. Another worker does what a lost one had.

    Args:
        address: of the scheduler, e.g. ``tcp://host:8786``.
        label: of the work, for messages.
        work: a picklable function.
        items: its arguments.

    Raises:
        SydaError: the scheduler does not answer, has no worker, or its workers die of the work.
        UsageError: a worker runs other code, libraries or Python, or the package ``distributed`` is
            not installed.
    """
    try:
        from distributed import Client, KilledWorker  # noqa: PLC0415  (an extra)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"SYDA_SCHEDULER={address}: the cluster's client is not installed: "
            "`pip install -r requirements.lock`"
        ) from error
    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise SydaError(
            f"{label}: no scheduler answers at SYDA_SCHEDULER={address}: start one "
            "(`dask scheduler`), or unset it"
        ) from error
    with client:
        _expect_same(client.run(environment_fingerprint), address, label)
        try:
            calls = [_Call(work, item) for item in items]
            with closing(client.get_executor(pure=False).map(_answer, calls)) as answers:
                for result, fault in answers:
                    if fault is not None:
                        raise fault
                    yield result
        except KilledWorker as error:
            raise SydaError(
                f"{label}: workers of {address} died of one case again and again, most often for "
                "lack of memory: give them more"
            ) from error


def environment_fingerprint() -> tuple[str, dict[str, str], str]:
    """Digest of the code, versions of the libraries, and Python of this process."""
    folder = module_dependencies.SOURCE / "syda"
    files = sorted(folder.rglob("*.py"))
    digests = ((f.relative_to(folder).as_posix(), sha256_of_file(f)) for f in files)
    return combined_digest(digests), manifest.direct_dependencies(), sys.version


def _expect_same(
    found: dict[str, tuple[str, dict[str, str], str]], address: str, label: str
) -> None:
    if not found:
        raise SydaError(f"{label}: {address} has no worker: start some (`dask worker {address}`)")
    if any(tuple(one) != environment_fingerprint() for one in found.values()):
        raise UsageError(
            f"{label}: workers of {address} run other code, libraries or Python than this "
            "checkout: install requirements.lock there and start them again from the same commit"
        )
