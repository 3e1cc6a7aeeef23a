"""Stage ``resample``: every NIfTI to ``ct.spacing_mm``, isotropic."""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from syda import paths
from syda.errors import CheckFailed
from syda.params import Section, load
from syda.runtime import engine, progress, space, stage
from syda.runtime.memo import Kept, Memo
from syda.runtime.outputs import replace_folder
from syda.volume import nifti, resample


class Params(Section):
    """Section ``resample``."""

    max_side: int = Field(ge=1)
    """Voxels, longest side of a resampled scan; a longer one stops the stage."""


@dataclass(frozen=True)
class Task:
    """One case for a worker.

    Attributes:
        source: NIfTI file; its JSON stands beside it.
        folder: where the resampled file and the JSON go.
        spacing_mm: new voxel size.
        memo: results of earlier runs.
    """

    source: Path
    folder: Path
    spacing_mm: float
    memo: Memo


def run(root: Path) -> None:
    """Resample ``data/nifti`` to ``data/resampled``.

    Raises:
        CheckFailed: a scan would become longer than ``resample.max_side``.
        CorruptData: a file is not readable.
        UsageError: there are none yet.
    """
    params = load(root)
    own, ct = params.section("resample", Params), params.ct
    told: dict[str, Section | dict[str, Any]] = {"resample": own, "ct": ct.only("spacing_mm")}
    with (
        stage.running(root, "resample", reads=[paths.NIFTI], writes=[paths.RESAMPLED], params=told),
        replace_folder(root / paths.RESAMPLED) as folder,
    ):
        sources = nifti.case_files(root / paths.NIFTI)
        for source in sources:
            check_size(source, ct.spacing_mm, own.max_side)
        need = sum(expected_bytes(source, ct.spacing_mm) for source in sources)
        space.require(folder, need, "resample")
        memo = Memo.of(root, "resample", told)
        tasks = [Task(source, folder, ct.spacing_mm, memo) for source in sources]
        cases = list(engine.each(resample_case, tasks, "resample", "cases"))
        memo.keep_only(case.key for case in cases)
    progress.say(f"resample: {memo.summary(cases)}")


def check_size(source: Path, spacing_mm: float, max_side: int) -> None:
    """Refuse a scan whose resampled grid would be too large; only the file's header is read.

    A wrong PixelSpacing would fill the memory before any expectation sees the volume.
    """
    shape, old_mm = nifti.read_header(source)
    new = [axis.count for axis in resample.axes(shape, old_mm, spacing_mm)]
    if max(new) > max_side:
        raise CheckFailed(
            f"resample: {nifti.case_name(source)}: {_sides(shape)} voxels of {_sides(old_mm)} mm "
            f"would become {_sides(new)} voxels of {spacing_mm:g} mm, more than resample.max_side "
            f"{max_side}: correct the series' PixelSpacing and slice positions, take it out, or "
            "raise resample.max_side"
        )


def _sides(values: Sequence[float]) -> str:
    return " x ".join(f"{value:.6g}" for value in values)


def expected_bytes(source: Path, spacing_mm: float) -> int:
    """Size of a case's resampled file, if a voxel takes as much as in the one it is made from."""
    shape, old_mm = nifti.read_header(source)
    counts = [axis.count for axis in resample.axes(shape, old_mm, spacing_mm)]
    return round(source.stat().st_size * math.prod(counts) / math.prod(shape))


def resample_case(task: Task) -> Kept:
    """Resample one case and carry its JSON along, unless an earlier run has."""
    name = nifti.case_name(task.source)
    facts = task.source.with_name(f"{name}.json")

    def compute(folder: Path) -> None:
        volume = nifti.read(task.source)
        nifti.write(folder / task.source.name, resample.to_spacing(volume, task.spacing_mm))
        shutil.copyfile(facts, folder / facts.name)

    return task.memo.case([task.source, facts], task.folder, compute, name=name)
