"""``syda doctor``: find and repair what an interrupted run or a full disk left."""

from collections.abc import Callable, Iterator
from pathlib import Path

from syda.errors import UsageError
from syda.integrity import crash_checks, environment_checks, processes
from syda.integrity.crash_checks import Diagnosis
from syda.integrity.dvc_repository import DvcRepository

Check = Callable[[DvcRepository], Iterator[Diagnosis]]

CRASH_CHECKS: tuple[Check, ...] = (
    crash_checks.damaged_lock,
    crash_checks.stale_dvc_locks,
    crash_checks.unfinished_outputs,
    crash_checks.damaged_objects,
)
"""Skipped during a run, which makes sound files look damaged."""

ENVIRONMENT_CHECKS: tuple[Check, ...] = (
    environment_checks.little_space,
    environment_checks.missing_tools,
    environment_checks.foreign_code,
    environment_checks.wrong_configuration,
)


def run(root: Path, *, repair: bool) -> Iterator[tuple[bool, str]]:
    """Yield a line for each fault, and whether the fault remains.

    Args:
        root: repository root.
        repair: repair what can be repaired; diagnose otherwise.

    Raises:
        UsageError: no DVC repository, or something runs here that a repair would harm.
    """
    repository = DvcRepository(root)
    try:
        yield from _treat(crash_checks.orphaned_stages(repository), repair)
        busy = processes.busy(repository.root, repository.temporary)
        if busy and repair:
            raise UsageError(f"{busy[0]} runs here: repair when it is done, or stop it")
        if busy:
            yield True, f"{busy[0]} runs here: its files were not checked"
        for check in (*(() if busy else CRASH_CHECKS), *ENVIRONMENT_CHECKS):
            yield from _treat(check(repository), repair)
    finally:
        repository.close()


def _treat(found: Iterator[Diagnosis], repair: bool) -> Iterator[tuple[bool, str]]:
    for one in found:
        if one.repair is None:
            yield True, str(one)
        elif repair:
            yield False, f"{one.what}: {one.repair()}"
        else:
            yield True, f"{one.what}: `syda doctor --repair` {one.remedy}"
