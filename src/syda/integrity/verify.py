"""``syda verify``: hash what a run left and compare it with its records. Writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from syda.errors import UsageError
from syda.integrity import lock_checks, manifest_checks, processes
from syda.integrity.dvc_repository import DvcRepository
from syda.integrity.inspection import Inspection, VerifyFault

CHECKS: tuple[Callable[[Inspection], None], ...] = (
    lock_checks.files_can_be_read,
    lock_checks.lock_has_every_stage,
    lock_checks.objects_hash_to_their_names,
    lock_checks.outputs_match_the_lock,
    manifest_checks.manifests_match_the_code,
    lock_checks.dependencies_match_the_lock,
    lock_checks.params_match_the_lock,
    manifest_checks.manifests_match_the_files,
    manifest_checks.manifests_match_one_another,
    manifest_checks.manifests_match_the_params,
    manifest_checks.records_match_their_index,
    manifest_checks.weights_match_what_quotes_them,
    manifest_checks.release_matches_its_checksums,
    manifest_checks.card_matches_its_sources,
)
"""In the order in which they name faults: causes before their effects."""


@dataclass(frozen=True)
class VerifyReport:
    """The faults, and one line that says what was checked."""

    faults: list[VerifyFault]
    summary: str


def run(root: Path, *, allow_missing: bool = False) -> VerifyReport:
    """Check a repository.

    Args:
        root: repository root.
        allow_missing: skip outputs of DVC's cache that are not here, as in a fresh clone.

    Raises:
        CorruptData: dvc.yaml, dvc.lock or a ``.dvc`` file is not readable.
        ParamsError: params.yaml is not readable.
        UsageError: no DVC repository, or something runs here and changes what would be checked.
    """
    repository = DvcRepository(root)
    try:
        busy = processes.busy(repository.root, repository.temporary)
        if busy:
            raise UsageError(f"{busy[0]} runs here: verify when it is done")
        inspection = Inspection(repository, allow_missing=allow_missing)
        for check in CHECKS:
            check(inspection)
    finally:
        repository.close()
    return VerifyReport(inspection.faults, _summary(inspection))


def _summary(inspection: Inspection) -> str:
    digests, absent = inspection.digests, inspection.absent
    text = (
        f"{len(inspection.lock)} stages, {digests.files} files "
        f"({digests.bytes / 1e6:,.0f} MB), {len(inspection.objects)} objects of the cache included"
    )
    if absent:
        text += f"; {len(absent)} outputs not here, not checked: {', '.join(absent)}"
    return text
