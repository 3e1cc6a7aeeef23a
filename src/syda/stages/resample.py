"""Stage ``resample``: every NIfTI to ``ct.spacing_mm``, isotropic."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from syda import paths
from syda.params import Section, load
from syda.runtime import disk, engine, progress, stage
from syda.runtime.case_cache import CachedResult, CaseCache
from syda.runtime.outputs import replace_folder
from syda.volume import nifti
from syda.volume.config import ResampleParams
from syda.volume.resample_file import check_size, expected_bytes, resample_file


def run(root: Path) -> None:
    """Resample ``data/nifti`` to ``data/resampled``.

    Raises:
        CheckFailed: a scan would become longer than ``resample.max_side``.
        CorruptData: a file cannot be read.
        UsageError: there are no files yet.
    """
    params = load(root)
    config, spacing_mm = params.section("resample", ResampleParams), params.ct.spacing_mm
    used: dict[str, Section | dict[str, Any]] = {
        "resample": config,
        "ct": params.ct.only("spacing_mm"),
    }
    with (
        stage.running(root, "resample", reads=[paths.NIFTI], writes=[paths.RESAMPLED], params=used),
        replace_folder(root / paths.RESAMPLED) as folder,
    ):
        sources = nifti.case_files(root / paths.NIFTI)
        for source in sources:
            check_size(source, spacing_mm, config.max_side)
        need = sum(expected_bytes(source, spacing_mm) for source in sources)
        disk.require_free(folder, need, "resample")
        cache = CaseCache.of(root, "resample", used)
        work = partial(resample_case, folder=folder, spacing_mm=spacing_mm, cache=cache)
        cases = list(engine.parallel_map(work, sources, "resample", "cases"))
        cache.prune(case.key for case in cases)
    progress.log(f"resample: {cache.summary(cases)}")


def resample_case(source: Path, folder: Path, spacing_mm: float, cache: CaseCache) -> CachedResult:
    """Resample a case and copy its JSON, unless an earlier run did.

    Args:
        source: NIfTI file; its JSON has the same name.
        folder: where the resampled file and the JSON go.
        spacing_mm: new voxel size.
        cache: results of earlier runs.
    """
    name = nifti.case_name(source)
    facts = source.with_name(f"{name}.json")

    def compute(target: Path) -> None:
        resample_file(source, target / source.name, spacing_mm)
        shutil.copyfile(facts, target / facts.name)

    return cache.case([source, facts], folder, compute, name=name)
