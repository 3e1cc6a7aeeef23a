"""The sets of volumes: their folders, how they are measured, and their suites."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from syda import paths
from syda.errors import UsageError
from syda.expectations import shards, suites, tables
from syda.expectations.config import ValidateParams
from syda.expectations.report import Part
from syda.expectations.tables import Row
from syda.params import CtParams
from syda.runtime import engine
from syda.volume import foreign_nifti, nifti

Window = tuple[int, int]


def _measure_each(work: Callable[[Path], Row], files: Sequence[Path], folder: str) -> list[Row]:
    """Measure one volume at a time in each worker process, which returns its row alone."""
    return list(engine.parallel_map(work, files, f"validate {folder}", "volume"))


def _nifti_rows(folder: Path, window: Window, _: Sequence[str]) -> list[Row]:
    work = partial(tables.nifti_row, window=window)
    return _measure_each(work, nifti.case_files(folder), folder.name)


def _scan_rows(folder: Path, window: Window, required: Sequence[str]) -> list[Row]:
    work = partial(tables.scan_row, window=window, required=required)
    return _measure_each(work, nifti.case_files(folder), folder.name)


def _record_rows(folder: Path, window: Window, required: Sequence[str]) -> list[Row]:
    entries, rows = shards.record_index(folder)
    work = partial(shards.shard_rows, entries=entries, window=window, required=required)
    files = shards.shard_files(folder, entries)
    for found in engine.parallel_map(work, files, f"validate {folder.name}", "shard"):
        rows += found
    return rows


@dataclass(frozen=True)
class CheckedFolder:
    """One folder of a set.

    Attributes:
        title: what its volumes are.
        folder: relative to the repository root.
        measure: makes the rows, from the folder, the model's HU window and the attributes that a
            case should have.
        suite: makes the suite, from the sections ``validate`` and ``ct``.
    """

    title: str
    folder: Path
    measure: Callable[[Path, Window, Sequence[str]], list[Row]]
    suite: Callable[[ValidateParams, CtParams], Any]


SETS = {
    "resampled": [
        CheckedFolder("Resampled scans", paths.RESAMPLED, _scan_rows, suites.resampled),
    ],
    "records": [
        CheckedFolder("Training and holdout records", paths.RECORDS, _record_rows, suites.records),
    ],
    "synthetic": [
        CheckedFolder(
            "Synthetic volumes in the model's grid", paths.SYNTHETIC, _nifti_rows, suites.synthetic
        ),
        CheckedFolder(
            "Synthetic volumes exported at physical size",
            paths.SYNTHETIC / paths.NIFTI_EXPORTS,
            _nifti_rows,
            suites.physical,
        ),
    ],
}
"""Sets that can be validated, by name."""


def suites_json(name: str, params: ValidateParams, ct: CtParams) -> list[dict[str, Any]]:
    """Suites of a set, one for each of its folders."""
    return [suites.to_json(checked.suite(params, ct)) for checked in SETS[name]]


def validate_set(root: Path, name: str, params: ValidateParams, ct: CtParams) -> list[Part]:
    """Measure and validate a set; a missing folder is an empty one."""
    parts = []
    for checked in SETS[name]:
        window = (ct.window_min, ct.window_max)
        rows = checked.measure(root / checked.folder, window, params.attributes)
        results = suites.validate(rows, checked.suite(params, ct))
        parts.append(Part(checked.title, checked.folder.as_posix(), rows, results))
    return parts


def validate_folder(folder: Path, params: ValidateParams, ct: CtParams) -> Part:
    """Validate a folder of NIfTI files from elsewhere with the suite of scans.

    Args:
        folder: holds NIfTI files; their names are the cases.
        params: section ``validate``.
        ct: section ``ct``.

    Raises:
        UsageError: the folder itself holds no such file.
    """
    suffixes = foreign_nifti.SUFFIXES
    files = sorted(path for path in folder.iterdir() if path.name.lower().endswith(suffixes))
    if not files:
        raise UsageError(
            f"validate: no .nii or {nifti.SUFFIX} file in {folder}; subfolders are not searched"
        )
    work = partial(tables.nifti_row, window=(ct.window_min, ct.window_max))
    rows = _measure_each(work, files, "folder")
    results = suites.validate(rows, suites.foreign(params, ct))
    return Part("NIfTI files", foreign_nifti.printable_name(folder.resolve()), rows, results)
