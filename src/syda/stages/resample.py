"""Stage ``resample``: every NIfTI to ``ct.spacing_mm``, isotropic."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from syda import paths
from syda.params import load
from syda.runtime import engine, space, stage
from syda.runtime.outputs import replace_folder
from syda.volume import nifti, resample


@dataclass(frozen=True)
class Task:
    """One case for a worker.

    Attributes:
        source: NIfTI file; its JSON stands beside it.
        folder: where the resampled file and the JSON go.
        spacing_mm: new voxel size.
    """

    source: Path
    folder: Path
    spacing_mm: float


def run(root: Path) -> None:
    """Resample ``data/nifti`` to ``data/resampled``."""
    ct = load(root).ct
    with (
        stage.running(
            root,
            "resample",
            reads=[paths.NIFTI],
            writes=[paths.RESAMPLED],
            params={"ct": ct.only("spacing_mm")},
        ),
        replace_folder(root / paths.RESAMPLED) as folder,
    ):
        sources = nifti.case_files(root / paths.NIFTI)
        need = sum(expected_bytes(source, ct.spacing_mm) for source in sources)
        space.require(folder, need, "resample")
        tasks = [Task(source, folder, ct.spacing_mm) for source in sources]
        for _ in engine.each(resample_case, tasks, "resample", "cases"):
            pass


def expected_bytes(source: Path, spacing_mm: float) -> int:
    """Size of a case's resampled file, if a voxel takes as much as in the one it is made from."""
    shape, old_mm = nifti.read_header(source)
    counts = [axis.count for axis in resample.axes(shape, old_mm, spacing_mm)]
    return round(source.stat().st_size * math.prod(counts) / math.prod(shape))


def resample_case(task: Task) -> None:
    """Resample one case and carry its JSON along."""
    volume = nifti.read(task.source)
    nifti.write(task.folder / task.source.name, resample.to_spacing(volume, task.spacing_mm))
    facts = f"{nifti.case_name(task.source)}.json"
    shutil.copyfile(task.source.with_name(facts), task.folder / facts)
