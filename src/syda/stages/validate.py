"""Stage ``validate``: a set of volumes must meet what the next stage relies on.

The report is always written. If a critical rule fails, or the set is missing or empty, the stage
ends with exit code 1, and no stage that depends on the report runs.
"""

from pathlib import Path

from syda import paths
from syda.errors import CheckFailed, UsageError
from syda.expectations import report, sets
from syda.expectations.config import ValidateParams
from syda.params import load
from syda.runtime import stage
from syda.runtime.outputs import write_json, write_text

SETS = tuple(sets.SETS)


def run(root: Path, name: str) -> list[str]:
    """Validate one set; write its report and its suites.

    Args:
        root: repository root.
        name: ``resampled``, ``records`` or ``synthetic``.

    Returns:
        A line for each warning.

    Raises:
        CheckFailed: a critical rule failed; the message names it and the first case.
        UsageError: no such set.
    """
    if name not in SETS:
        raise UsageError(f"validate: no set {name!r}: one of {', '.join(SETS)}")
    params = load(root)
    section, ct = params.section("validate", ValidateParams), params.ct
    folder = sets.SETS[name][0].folder
    target, suites = paths.validation_report(name), paths.validation_suites(name)
    page = target.with_suffix(".md")
    with stage.running(
        root,
        "validate",
        name,
        reads=[folder] if (root / folder).is_dir() else [],  # a missing set fails below
        writes=[target, page, suites],
        params={"validate": section, "ct": ct},
    ):
        write_json(root / suites, sets.suites_json(name, section, ct))
        parts = sets.validate_set(root, name, section, ct)
        write_json(root / target, report.document(name, parts))
        write_text(root / page, report.markdown(f"{name} set", parts))
        failure = report.first_failure(parts)
        if failure is not None:
            raise CheckFailed(f"validate {name}: {failure}; see {page}")
    return report.warnings(parts)


def folder_report(root: Path, folder: Path) -> tuple[str, str | None]:
    """Validate a folder of NIfTI files from elsewhere; write nothing.

    Args:
        root: repository root, for params.yaml.
        folder: holds ``.nii`` or ``.nii.gz`` files.

    Returns:
        The report in Markdown, and one line on the first critical failure, or None.

    Raises:
        UsageError: the folder itself holds no such file.
    """
    params = load(root)
    part = sets.validate_folder(folder, params.section("validate", ValidateParams), params.ct)
    return report.markdown(f"folder {part.folder}", [part], None), report.first_failure([part])
