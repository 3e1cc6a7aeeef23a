"""``syda verify``: rehash what a run left and hold it against what was recorded; writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from syda.errors import UsageError
from syda.integrity import checks, evidence, processes
from syda.integrity.inspection import Fault, Inspection
from syda.integrity.recorded import Repository

CHECKS: tuple[Callable[[Inspection], None], ...] = (
    checks.files_can_be_read,
    checks.lock_has_every_stage,
    checks.objects_hash_to_their_names,
    checks.outputs_are_those_recorded,
    evidence.manifests_name_the_code,
    checks.dependencies_are_those_recorded,
    checks.params_are_those_recorded,
    evidence.manifests_name_the_files,
    evidence.manifests_follow_one_another,
    evidence.manifests_hold_the_params,
    evidence.records_are_those_of_the_index,
    evidence.weights_are_those_quoted,
    evidence.card_is_what_its_sources_say,
)
"""In the order in which they name faults: what lies at the root of others comes first."""


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        faults: one for each thing that is wrong.
        summary: what was checked, one line.
    """

    faults: list[Fault]
    summary: str


def run(root: Path, *, allow_missing: bool = False) -> Report:
    """Check a repository.

    Args:
        root: repository root.
        allow_missing: pass over outputs of DVC's cache that are not here, as in a fresh clone.

    Raises:
        CorruptData: dvc.yaml, dvc.lock or a ``.dvc`` file cannot be read.
        ParamsError: params.yaml cannot be read.
        UsageError: no DVC repository, or something runs here and changes what would be checked.
    """
    repository = Repository(root)
    try:
        busy = processes.busy(repository.root, repository.temporary)
        if busy:
            raise UsageError(f"{busy[0]} runs here: verify when it is done")
        inspection = Inspection(repository, allow_missing=allow_missing)
        for check in CHECKS:
            check(inspection)
    finally:
        repository.close()
    return Report(inspection.faults, _summary(inspection))


def _summary(inspection: Inspection) -> str:
    digests, absent = inspection.digests, inspection.absent
    text = (
        f"{len(inspection.lock)} stages, {digests.files} files "
        f"({digests.bytes / 1e6:,.0f} MB), {len(inspection.objects)} objects of the cache included"
    )
    if absent:
        text += f"; {len(absent)} outputs not here, not checked: {', '.join(absent)}"
    return text
