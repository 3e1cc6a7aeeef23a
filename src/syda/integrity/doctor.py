"""``syda doctor``: what an interrupted run or a full disk left behind, and its repair."""

from collections.abc import Callable, Iterator
from pathlib import Path

from syda.errors import UsageError
from syda.integrity import processes, surroundings, symptoms
from syda.integrity.recorded import Repository
from syda.integrity.symptoms import Symptom

WHILE_NOTHING_RUNS: tuple[Callable[[Repository], Iterator[Symptom]], ...] = (
    symptoms.damaged_lock,
    symptoms.stale_dvc_locks,
    symptoms.unfinished_outputs,
    symptoms.damaged_objects,
)
"""What a run in progress would make look damaged."""

ALWAYS: tuple[Callable[[Repository], Iterator[Symptom]], ...] = (
    surroundings.little_space,
    surroundings.missing_tools,
    surroundings.foreign_code,
    surroundings.wrong_configuration,
)


def run(root: Path, *, repair: bool) -> Iterator[tuple[bool, str]]:
    """Yield a line for each thing that is wrong, and whether it still is.

    Args:
        root: repository root.
        repair: repair what can be; diagnose otherwise.

    Raises:
        UsageError: no DVC repository, or something runs here that a repair would harm.
    """
    repository = Repository(root)
    try:
        yield from _treat(symptoms.orphaned_stages(repository), repair)
        busy = processes.busy(repository.root, repository.temporary)
        if busy and repair:
            raise UsageError(f"{busy[0]} runs here: repair when it is done, or stop it")
        if busy:
            yield True, f"{busy[0]} runs here: what it works on was not looked at"
        for look in (*(() if busy else WHILE_NOTHING_RUNS), *ALWAYS):
            yield from _treat(look(repository), repair)
    finally:
        repository.close()


def _treat(found: Iterator[Symptom], repair: bool) -> Iterator[tuple[bool, str]]:
    for symptom in found:
        if symptom.repair is None:
            yield True, str(symptom)
        elif repair:
            yield False, f"{symptom.what}: {symptom.repair()}"
        else:
            yield True, f"{symptom.what}: `syda doctor --repair` {symptom.remedy}"
