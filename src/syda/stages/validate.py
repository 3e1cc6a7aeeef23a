"""Stage validate: a set of volumes must hold what the next stage relies on.

The report is written whatever the verdict; a set that fails, is missing or is empty ends the stage
with exit code 1, and nothing that depends on its report runs.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import Field

from syda import paths
from syda.errors import CheckFailed, UsageError
from syda.expectations import report, runner, shards, suites, tables
from syda.expectations.report import Part
from syda.params import CtParams, Section, load
from syda.runtime import engine, stage
from syda.runtime.outputs import write_json, write_text
from syda.volume import nifti

SETS = {
    "resampled": paths.RESAMPLED,
    "records": paths.RECORDS,
    "synthetic": paths.SYNTHETIC,
}
"""Sets that can be validated and where they lie."""


class Params(Section):
    """Section ``validate``: how far a set may be from what is promised."""

    spacing_tolerance_mm: float = Field(gt=0, le=0.01)
    """Allowed deviation of a voxel's size from ct.spacing_mm, mm."""
    min_cases: int = Field(ge=1)
    """Smallest resampled or synthetic set that passes; of physical exports one is enough."""
    min_cases_per_split: int = Field(ge=1)
    """Smallest train or holdout split that passes."""
    min_std_hu: float = Field(gt=0)
    """Standard deviation below which a volume counts as constant, HU."""


def run(root: Path, name: str) -> None:
    """Validate one set and write its report.

    Args:
        root: repository root.
        name: ``resampled``, ``records`` or ``synthetic``.

    Raises:
        CheckFailed: a rule does not hold; the message names it and the first case that breaks it.
        UsageError: no such set.
    """
    if name not in SETS:
        raise UsageError(f"validate: no set {name!r}: one of {', '.join(SETS)}")
    params = load(root)
    own, ct = params.section("validate", Params), params.ct
    target = paths.validation_report(name)
    page = target.with_suffix(".md")
    present = [SETS[name]] if (root / SETS[name]).is_dir() else []  # a missing set fails below
    with stage.running(
        root,
        "validate",
        name,
        reads=present,
        writes=[target, page],
        params={"validate": own, "ct": ct},
    ):
        parts = _PARTS[name](root, own, ct)
        write_json(root / target, report.document(name, parts))
        write_text(root / page, report.markdown(name, parts))
        failure = report.first_failure(parts)
        if failure is not None:
            raise CheckFailed(f"validate {name}: {failure}; see {page}")


def _window(ct: CtParams) -> tuple[int, int]:
    return ct.window_min, ct.window_max


def _nifti(root: Path, folder: Path, ct: CtParams) -> list[tables.Row]:
    files = nifti.case_files(root / folder)
    work = partial(tables.nifti_row, window=_window(ct))
    return list(engine.each(work, files, f"validate {folder.name}", "volume"))


def _resampled(root: Path, own: Params, ct: CtParams) -> list[Part]:
    suite = suites.resampled(
        ct.spacing_mm,
        own.spacing_tolerance_mm,
        (ct.hu_min, ct.hu_max),
        own.min_std_hu,
        own.min_cases,
    )
    rows = _nifti(root, paths.RESAMPLED, ct)
    return [_judged("Resampled scans", paths.RESAMPLED, rows, suite)]


def _records(root: Path, own: Params, ct: CtParams) -> list[Part]:
    suite = suites.records(
        ct.spacing_mm,
        own.spacing_tolerance_mm,
        (ct.hu_min, ct.hu_max),
        own.min_std_hu,
        own.min_cases_per_split,
    )
    entries, rows = shards.record_index(root / paths.RECORDS)
    files = shards.shard_files(root / paths.RECORDS, entries)
    work = partial(shards.shard_rows, entries=entries, window=_window(ct))
    for found in engine.each(work, files, "validate records", "shard"):
        rows += found
    return [_judged("Training and holdout records", paths.RECORDS, rows, suite)]


def _synthetic(root: Path, own: Params, ct: CtParams) -> list[Part]:
    window, exports = _window(ct), paths.SYNTHETIC / "physical"
    return [
        _judged(
            "Synthetic volumes in the model's grid",
            paths.SYNTHETIC,
            _nifti(root, paths.SYNTHETIC, ct),
            suites.cubes(ct.size, window, own.min_std_hu, own.min_cases),
        ),
        _judged(
            "Synthetic volumes exported at physical size",
            exports,
            _nifti(root, exports, ct),
            suites.exports(ct.spacing_mm, own.spacing_tolerance_mm, window, own.min_std_hu),
        ),
    ]


def _judged(title: str, folder: Path, rows: list[tables.Row], suite: Sequence[suites.Rule]) -> Part:
    return Part(title, folder.as_posix(), rows, runner.validate(rows, suite))


_PARTS = {"resampled": _resampled, "records": _records, "synthetic": _synthetic}
