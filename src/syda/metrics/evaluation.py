"""The evaluation: read synthetic and real volumes, measure them, arrange the results for reports.

docs/metrics.md describes the two reports, ``reports/metrics.json`` and
``reports/evaluation/details.json``.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from syda.errors import CheckFailed, CorruptData
from syda.metrics import kid_baselines, privacy, registry, verdict
from syda.metrics.cohorts import Cohort, Cohorts, Sampling, VoxelGrid
from syda.metrics.estimate import MetricResult, rounded
from syda.metrics.features import FeatureExtractor
from syda.metrics.kid_baselines import KidBaselines
from syda.metrics.metric import Metric, MetricContext
from syda.metrics.privacy_results import HEADLINE, TESTS, Audit
from syda.metrics.scans import read_records, stack
from syda.records.index import INDEX
from syda.records.split import SPLITS
from syda.runtime.digest import sha256_of
from syda.volume import foreign_nifti, geometry, nifti
from syda.volume.model_space import ModelSpace
from syda.volume.resample import to_spacing
from syda.volume.transforms import encode, scale_window

COMPARED = "holdout"
"""The split whose values are in ``metrics.json``."""

SMALLEST_COHORT = 2
"""Fewest patients in a cohort: pairs are compared."""


@dataclass(frozen=True)
class Evaluation:
    """Results of an evaluation.

    Attributes:
        cohorts: the measured volumes.
        sampling: the random choices.
        metrics: the metrics with a result.
        results: split to key to result.
        audits: privacy tests, one a space of distances; empty where patients are too few.
        baselines: KID of volumes that are no generator's.
    """

    cohorts: Cohorts
    sampling: Sampling
    metrics: Sequence[Metric[Any]]
    results: dict[str, dict[str, MetricResult]]
    audits: Sequence[Audit]
    baselines: KidBaselines

    def numbers(self) -> dict[str, Any]:
        """The headline, which two versions are compared by, for ``metrics.json``."""
        split = _compared(self.cohorts)
        headline = {metric.key for metric in self.metrics if metric.spec.headline}
        numbers: dict[str, Any] = {
            split: {
                key: result.compared()
                for key, result in self.results[split].items()
                if key in headline
            },
            "n": {cohort.label: len(cohort) for cohort in self.cohorts.all()},
        }
        if self.audits:
            numbers["privacy"] = {
                audit.space: {name: rounded(audit.findings[name].value) for name in HEADLINE}
                for audit in self.audits
            }
        return numbers

    def details(self) -> dict[str, Any]:
        """Every value with its interval and its protocol, for ``details.json``."""
        details: dict[str, Any] = {
            "metrics": {metric.key: metric.describe() for metric in self.metrics},
            "figures": {
                split: {key: result.detail() for key, result in of_split.items()}
                for split, of_split in self.results.items()
            },
            "kid_baselines": self.baselines.detail(),
            "volumes": {cohort.label: list(cohort.names) for cohort in self.cohorts.all()},
            "sampling": asdict(self.sampling),
        }
        if self.audits:
            details["privacy"] = {
                "verdict": verdict.sentence(self.audits),
                "copies_found": verdict.copies_found(self.audits),
                "tests": {name: test.describe() for name, test in TESTS.items()},
                "spaces": {audit.space: audit.detail() for audit in self.audits},
            }
        return details


def evaluate(
    cohorts: Cohorts,
    grid: VoxelGrid,
    sampling: Sampling,
    extractors: Sequence[FeatureExtractor] = (),
) -> Evaluation:
    """Measure everything that the cohorts are large enough for.

    Args:
        cohorts: two real splits; privacy is tested where they are ``train`` and ``holdout``.
        grid: of the volumes.
        sampling: seed, pairs and bootstrap.
        extractors: further feature networks.

    Raises:
        CheckFailed: a cohort of fewer than two patients.
        UsageError: a metric is undefined on so small a grid.
    """
    check_sizes(cohorts)
    context = MetricContext(grid)
    results: dict[str, dict[str, MetricResult]] = {split: {} for split in cohorts.real}
    measured = []
    for metric in registry.build(context, extractors):
        found = metric.measure(cohorts, sampling)
        for split, result in found.items():
            results[split][metric.key] = result
        measured += [metric] if found else []
    audits = privacy.measure(context, cohorts, sampling) if set(cohorts.real) == set(SPLITS) else []
    baselines = kid_baselines.measure(context.extractor, cohorts, _compared(cohorts), sampling)
    return Evaluation(cohorts, sampling, measured, results, audits, baselines)


def _compared(cohorts: Cohorts) -> str:
    """The split whose values are in ``metrics.json``: the second half, where none is held out."""
    return COMPARED if COMPARED in cohorts.real else list(cohorts.real)[-1]


def check_sizes(cohorts: Cohorts) -> None:
    """Check that each cohort has two patients.

    Raises:
        CheckFailed: one has fewer.
    """
    for cohort in cohorts.all():
        found = len(set(cohort.patients))
        if found < SMALLEST_COHORT:
            what = "volumes" if cohort is cohorts.synthetic else "patients"
            raise CheckFailed(
                f"evaluate: {cohort.label} has {found} {what}; at least {SMALLEST_COHORT} "
                "are needed: raise generate.count (synthetic) or add patients"
            )


def evaluate_folders(
    real: Path, synthetic: Path, space: ModelSpace, sampling: Sampling
) -> Evaluation:
    """Compare a folder of synthetic volumes with a folder of real ones.

    A folder holds NIfTI files. A cube of ``space.size`` voxels a side is taken as it is; any other
    volume is resampled to ``space.spacing_mm``, fitted and padded. ``real`` may also hold records.
    Records bring their patients and splits, and privacy is tested. NIfTI files are parted into two
    halves by a hash of their names, each file as a patient, and privacy is not tested.

    Args:
        real: folder of scans.
        synthetic: folder of synthetic volumes.
        space: the cube on which volumes are compared.
        sampling: seed, pairs and bootstrap.

    Raises:
        CheckFailed: too few volumes.
        CorruptData: a file cannot be read.
    """
    if (real / INDEX).is_file():
        splits: dict[str, Cohort] = {s: read_records(real, s, space) for s in SPLITS}
    else:
        files = sorted(nifti.case_files(real), key=lambda path: sha256_of(path.name))
        halves = files[: len(files) // 2], files[len(files) // 2 :]
        splits = {f"real_{n}": _read_nifti(f"real_{n}", half, space)
                  for n, half in enumerate(halves, start=1)}  # fmt: skip
    cohorts = Cohorts(_read_nifti("synthetic", nifti.case_files(synthetic), space), splits)
    return evaluate(cohorts, grid_of(space), sampling)


def grid_of(space: ModelSpace) -> VoxelGrid:
    """The grid of a model space."""
    return VoxelGrid(space.size, space.window_min, space.window_max)


def read_synthetic(folder: Path, space: ModelSpace) -> Cohort:
    """Read the generator's cubes.

    Args:
        folder: NIfTI files.
        space: the model's.

    Raises:
        CorruptData: a volume of another size.
    """
    images, names = [], []
    for path in nifti.case_files(folder):
        hu = nifti.read(path).hu
        if hu.shape != (space.size,) * 3:
            raise CorruptData(f"{path}: {hu.shape} voxels, ct.size is {space.size}: generate again")
        images.append(scale_window(hu, space))
        names.append(nifti.case_name(path))
    return Cohort("synthetic", stack(images), tuple(names), tuple(names))


def gate_counts(path: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """Numbers and details of what the quality gate rejected.

    Args:
        path: of the generator's gate.json.

    Raises:
        CorruptData: no counts.
    """
    try:
        counts = json.loads(path.read_text(encoding="utf-8"))
        drawn, rejected = int(counts["drawn"]), int(counts["rejected"])
        reasons = {reason: int(number) for reason, number in counts["reasons"].items()}
        share = rounded(rejected / drawn)
        copy_check = dict(counts["copy_check"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError) as error:
        raise CorruptData(f"{path}: no counts of the gate ({error}): generate again") from error
    details = {"rejected_share": share, "reasons": reasons, "copy_check": copy_check}
    return {"drawn": drawn, "rejected": rejected}, details


def _read_nifti(label: str, files: Sequence[Path], space: ModelSpace) -> Cohort:
    images = []
    for path in files:
        hu, affine = foreign_nifti.read(path)
        whole = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
        volume = geometry.to_ras(whole, affine)
        if volume.hu.shape == (space.size,) * 3:
            images.append(scale_window(volume.hu, space))
        else:
            images.append(encode(to_spacing(volume, space.spacing_mm), space)[0])
    names = tuple(map(nifti.case_name, files))
    return Cohort(label, stack(images), names, names)
