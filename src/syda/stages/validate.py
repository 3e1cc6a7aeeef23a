"""Stage validate: a set of volumes must hold what the next stage relies on.

The report is written whatever the verdict; a set that breaks a critical rule, is missing or is
empty ends the stage with exit code 1, and nothing that depends on its report runs.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from syda import paths
from syda.errors import CheckFailed, UsageError
from syda.expectations import descriptions, report, runner, shards, suites, tables
from syda.expectations.report import Part
from syda.expectations.rules import Rule
from syda.expectations.set_rules import Attributes
from syda.expectations.volume_rules import Bounds
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


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the lower bound is above the upper one")
    return bounds


Share = Annotated[float, Field(ge=0, le=1)]
Usual = Annotated[tuple[float, float], AfterValidator(_ordered)]
UsualShare = Annotated[tuple[Share, Share], AfterValidator(_ordered)]
UsualCount = Annotated[tuple[int, int], AfterValidator(_ordered)]


class Params(Section):
    """Section ``validate``: how far a set may be from what is promised, and from what is usual."""

    spacing_tolerance_mm: float = Field(gt=0, le=0.01)
    """Allowed deviation of a voxel's size from ct.spacing_mm, mm."""
    min_cases: int = Field(ge=1)
    """Smallest resampled or synthetic set that passes; of physical exports one is enough."""
    min_cases_per_split: int = Field(ge=1)
    """Smallest train or holdout split that passes."""
    min_std_hu: float = Field(gt=0)
    """Standard deviation below which a volume counts as constant, HU."""
    side_voxels: UsualCount
    """Voxels along each axis; outside a warning, as for all that follow."""
    p0_5_hu: Usual
    """0.5th percentile of a volume's voxels, HU."""
    p99_5_hu: Usual
    """99.5th percentile of a volume's voxels, HU."""
    air_share: UsualShare
    """Share of voxels that are air."""
    max_below_window_share: Share
    """Share of a scan's voxels below ct.window_min."""
    max_above_window_share: Share
    """Share of a scan's voxels above ct.window_max."""
    attributes: list[str] = Field(min_length=1)
    """Attributes of the acquisition that a case should have."""
    min_attributes_share: Share
    """Share of cases that should have all of them."""

    def bounds(self, ct: CtParams) -> Bounds:
        """Bounds of each volume."""
        return Bounds(
            spacing_mm=ct.spacing_mm,
            tolerance_mm=self.spacing_tolerance_mm,
            hu=(ct.hu_min, ct.hu_max),
            window=(ct.window_min, ct.window_max),
            min_std_hu=self.min_std_hu,
            side_voxels=self.side_voxels,
            p0_5_hu=self.p0_5_hu,
            p99_5_hu=self.p99_5_hu,
            air_share=self.air_share,
            max_below_window_share=self.max_below_window_share,
            max_above_window_share=self.max_above_window_share,
        )

    def asked_attributes(self) -> Attributes:
        """Attributes that should be known, and in how many cases."""
        return Attributes(tuple(self.attributes), self.min_attributes_share)


def run(root: Path, name: str) -> list[str]:
    """Validate one set and write its report.

    Args:
        root: repository root.
        name: ``resampled``, ``records`` or ``synthetic``.

    Returns:
        A line for each warning.

    Raises:
        CheckFailed: a critical rule does not hold; the message names it and the first case that
            breaks it.
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
        write_text(root / page, report.markdown(f"{name} set", parts))
        failure = report.first_failure(parts)
        if failure is not None:
            raise CheckFailed(f"validate {name}: {failure}; see {page}")
    return report.warnings(parts)


def folder_report(root: Path, folder: Path) -> tuple[str, str | None]:
    """Hold a folder of NIfTI that this pipeline did not make against the rules for scans.

    Nothing is written. What needs records, a split or descriptions is listed as not checked.

    Args:
        root: repository root, for params.yaml.
        folder: holds ``.nii`` or ``.nii.gz`` files; their names are the cases.

    Returns:
        The report in Markdown, and the first failure of a critical rule in a line, or None.

    Raises:
        UsageError: no such file lies in the folder itself.
    """
    params = load(root)
    own, ct = params.section("validate", Params), params.ct
    files = sorted(path for path in folder.iterdir() if path.name.endswith((".nii", nifti.SUFFIX)))
    if not files:
        raise UsageError(
            f"validate: no .nii or {nifti.SUFFIX} file in {folder}; folders in it are not looked at"
        )
    bounds = own.bounds(ct)
    suite = suites.foreign(bounds, own.min_cases, own.min_cases_per_split, own.asked_attributes())
    rows = _measured(partial(tables.nifti_row, window=bounds.window), files, "validate folder")
    parts = [_judged("NIfTI files", Path(folder.resolve().name), rows, suite)]
    return report.markdown(f"folder {parts[0].folder}", parts, None), report.first_failure(parts)


def _resampled(root: Path, own: Params, ct: CtParams) -> list[Part]:
    bounds, asked = own.bounds(ct), own.asked_attributes()
    work = partial(descriptions.scan_row, window=bounds.window, attributes=asked.names)
    rows = _measured(work, nifti.case_files(root / paths.RESAMPLED), "validate resampled")
    suite = suites.resampled(bounds, own.min_cases, asked)
    return [_judged("Resampled scans", paths.RESAMPLED, rows, suite)]


def _records(root: Path, own: Params, ct: CtParams) -> list[Part]:
    bounds, asked = own.bounds(ct), own.asked_attributes()
    entries, rows = shards.record_index(root / paths.RECORDS)
    files = shards.shard_files(root / paths.RECORDS, entries)
    work = partial(shards.shard_rows, entries=entries, window=bounds.window, attributes=asked.names)
    for found in engine.each(work, files, "validate records", "shard"):
        rows += found
    suite = suites.records(bounds, own.min_cases_per_split, asked)
    return [_judged("Training and holdout records", paths.RECORDS, rows, suite)]


def _synthetic(root: Path, own: Params, ct: CtParams) -> list[Part]:
    bounds, exports = own.bounds(ct), paths.SYNTHETIC / "physical"
    work = partial(tables.nifti_row, window=bounds.window)
    return [
        _judged(title, folder, _measured(work, nifti.case_files(root / folder), label), suite)
        for title, folder, label, suite in (
            (
                "Synthetic volumes in the model's grid",
                paths.SYNTHETIC,
                "validate synthetic",
                suites.cubes(ct.size, bounds, own.min_cases),
            ),
            (
                "Synthetic volumes exported at physical size",
                exports,
                "validate physical",
                suites.exports(bounds),
            ),
        )
    ]


def _measured(
    work: Callable[[Path], tables.Row], files: Sequence[Path], label: str
) -> list[tables.Row]:
    """One row a volume: a worker reads one volume at a time and keeps its figures alone."""
    return list(engine.each(work, files, label, "volume"))


def _judged(title: str, folder: Path, rows: list[tables.Row], suite: Sequence[Rule]) -> Part:
    return Part(title, folder.as_posix(), rows, runner.validate(rows, suite))


_PARTS = {"resampled": _resampled, "records": _records, "synthetic": _synthetic}
