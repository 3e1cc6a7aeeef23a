"""The executor of a running dask cluster, for per-case work on many machines."""

import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from syda.errors import SydaError, UsageError
from syda.runtime import closure, manifest

_PATIENCE = 10
"""Seconds that a scheduler has to answer."""


@contextmanager
def executor(address: str, label: str) -> Iterator[Executor]:
    """Yield the executor of a cluster. A worker that is lost has its cases computed by another.

    Args:
        address: of the scheduler, e.g. ``tcp://host:8786``.
        label: of the work, for messages.

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
            "`pip install -e '.[cluster]'`"
        ) from error
    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise SydaError(
            f"{label}: no scheduler answers at SYDA_SCHEDULER={address}: start one "
            "(`dask scheduler`), or unset it"
        ) from error
    with client:
        _expect_same(client.run(made_by), address, label)
        try:
            yield client.get_executor(pure=False)
        except KilledWorker as error:
            raise SydaError(
                f"{label}: workers of {address} died of one case again and again, most often for "
                "lack of memory: give them more"
            ) from error


def made_by() -> tuple[str, dict[str, str], str]:
    """What decides results where this is called: digest of the code, libraries, Python."""
    folder = closure.SOURCE / "syda"
    files = sorted(folder.rglob("*.py"))
    digests = ((f.relative_to(folder).as_posix(), manifest.digest_file(f)) for f in files)
    return manifest.together(digests), manifest.direct_dependencies(), sys.version


def _expect_same(
    found: dict[str, tuple[str, dict[str, str], str]], address: str, label: str
) -> None:
    if not found:
        raise SydaError(f"{label}: {address} has no worker: start some (`dask worker {address}`)")
    if any(tuple(one) != made_by() for one in found.values()):
        raise UsageError(
            f"{label}: workers of {address} run other code, libraries or Python than this "
            "checkout: install requirements.lock there and start them again from the same commit"
        )
