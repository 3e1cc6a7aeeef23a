"""Stage ``evaluate``: measure synthetic volumes against real ones and draw the pictures.

``reports/metrics.json`` holds numbers alone, nested split / metric / figure, so that ``dvc metrics
diff`` reads as one row a figure (the values of the example are made up)::

    {
      "holdout": {
        "hu_w1": {...},
        "ms_ssim_3d_L3_k7_s1.5_dr2": {
          "synthetic": 0.412,          # the figure of the synthetic volumes
          "real": 0.297,               # the same figure among the real volumes of the split
          "difference": 0.115,         # synthetic - real
          "difference_low": 0.093,     # 95 % interval of the difference
          "difference_high": 0.137,
          "n_synthetic": 400,          # pairs (hu_w1, kid: volumes) behind "synthetic"
          "n_real": 210                # pairs (hu_w1, kid: volumes) behind "real"
        },
        "kid_poly3_imagenet-efflite0-1a2b3c4d": {...},
        "perceptual_imagenet-efflite0-1a2b3c4d": {...}
      },
      "train": {...},                  # the same keys against the training split
      "properties": {                  # asked for and measured; absent where none was asked for
        "body_width_mm": {
          "rho": 0.91,                 # Spearman's, asked against measured
          "rho_low": 0.82,             # 95 % interval
          "rho_high": 0.96,
          "rho_real": 0.99,            # of held-out scans, before against after the model's cube
          "mae": 9.4,                  # mean absolute error, mm
          "mae_real": 2.1,
          "n": 64                      # volumes
        }
      },
      "gate": {                        # what was drawn for these volumes
        "drawn": 66,
        "rejected": 2,                 # by the gate, each replaced
        "rejected_share": 0.030303,
        "reasons": {"pieces": 2, ...}  # a volume counts for each rule that it broke
      },
      "n": {"holdout": 21, "synthetic": 64, "train": 43}
    }

A metric's key carries its protocol (:mod:`syda.metrics.registry`): another protocol is another key
and never a delta. ``reports/evaluation/details.json`` holds, at ``metrics.<key>``, the metric's
``title``, ``unit``, ``aim`` (``match``: as near to real as can be; ``lower``: the lower the better,
``real`` is the floor), ``source`` and ``protocol``; at ``figures.<split>.<key>`` the spread behind
each figure; at ``properties`` protocol, units and spread of those; at ``volumes`` the names of what
was measured; at ``sampling`` the seed and counts.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from syda import paths
from syda.errors import CheckFailed, CorruptData
from syda.figures import charts, planes
from syda.metrics import hu_histogram, properties, registry
from syda.metrics.cohorts import Cohort, Cohorts, Grid, Sampling
from syda.metrics.estimate import Figure, rounded
from syda.metrics.metric import Metric
from syda.metrics.properties import Answers, Control
from syda.params import Section, load
from syda.records import reader
from syda.records.split import SPLITS, Split
from syda.runtime import progress, stage
from syda.runtime.outputs import write_json, write_text
from syda.types import Tensor32, Volume
from syda.volume import nifti
from syda.volume.model_space import ModelSpace
from syda.volume.properties import measure as measure_properties

DETAILS = paths.EVALUATION / "details.json"
PICTURE = paths.EVALUATION / "synthetic.png"
CURVES_CHART = paths.EVALUATION / "training_curves.png"
HU_CHART = paths.EVALUATION / "hu_histogram.png"
HU_TABLE = paths.EVALUATION / "hu_histogram.csv"
REAL_PICTURE = paths.EVALUATION / "real_beside_synthetic.png"
"""Shows real voxels: in DVC's cache, never in git."""

READS = [paths.RECORDS, paths.SYNTHETIC, paths.validation_report("synthetic"), paths.CURVES]
WRITES = [paths.METRICS, DETAILS, PICTURE, CURVES_CHART, HU_CHART, HU_TABLE, REAL_PICTURE]

GATE_COUNTS = paths.SYNTHETIC / "gate.json"

SMALLEST_COHORT = 2  # patients: a pair

_CHART_BIN_HU = 10


class Params(Section):
    """Section ``evaluate``."""

    seed: int = Field(ge=0)
    """Of the pairs, the half splits of real volumes and the bootstrap."""
    pairs: int = Field(ge=1)
    """Most pairs of volumes in a cohort that MS-SSIM compares."""
    bootstrap: int = Field(ge=100)
    """Replicates behind each 95 % interval."""
    shown: int = Field(ge=1)
    """Synthetic volumes in the pictures, the first by name: none is picked by hand."""


def run(root: Path) -> None:
    """Measure, draw, and write ``reports/metrics.json`` and ``reports/evaluation``.

    Raises:
        CheckFailed: fewer than two synthetic volumes, or a split of fewer than two patients.
        CorruptData: a synthetic volume is not of the model's size, or its JSON, what the gate
            counted, or the curves are unreadable.
    """
    params = load(root)
    own, ct = params.section("evaluate", Params), params.ct
    with stage.running(
        root, "evaluate", reads=READS, writes=WRITES, params={"evaluate": own, "ct": ct}
    ):
        space = ModelSpace(ct.size, ct.spacing_mm, ct.window_min, ct.window_max)
        grid = Grid(ct.size, ct.window_min, ct.window_max)
        real: dict[str, Cohort] = {
            split: _real(root / paths.RECORDS, split, space) for split in SPLITS
        }
        cohorts = Cohorts(_synthetic(root / paths.SYNTHETIC, space), real)
        _check(cohorts)
        controls = _controls(root, cohorts, space, own)
        _measure(root, registry.build(grid), cohorts, controls, own)
        _draw(root, space, own.shown)
        _draw_histograms(root, cohorts, grid)
        charts.training_curves(charts.read_curves(root / paths.CURVES), root / CURVES_CHART)


def _synthetic(folder: Path, space: ModelSpace) -> Cohort:
    images, names = [], []
    for path in nifti.case_files(folder):
        hu = nifti.read(path).hu
        if hu.shape != (space.size,) * 3:
            raise CorruptData(
                f"{paths.SYNTHETIC / path.name}: {hu.shape} voxels, ct.size is {space.size}: "
                "generate again"
            )
        images.append(space.to_model_range(hu).transpose(2, 1, 0))
        names.append(nifti.case_name(path))
    return Cohort("synthetic", _stack(images), tuple(names), tuple(names))


def _real(folder: Path, split: Split, space: ModelSpace) -> Cohort:
    total = sum(entry.split == split for entry in reader.read_index(folder))
    records = reader.read_split(folder, split, space.spacing_mm)
    images, names, patients = [], [], []
    for record in progress.track(records, total, f"read {split}", "cases"):
        images.append(space.encode(record.volume)[0][0])
        names.append(record.case.case)
        patients.append(record.case.patient)
    return Cohort(split, _stack(images), tuple(names), tuple(patients))


def _stack(images: Sequence[Tensor32]) -> Tensor32:
    return np.stack(images) if images else np.empty((0, 0, 0, 0), np.float32)


def _check(cohorts: Cohorts) -> None:
    for cohort in cohorts.all():
        found = len(set(cohort.patients))
        if found < SMALLEST_COHORT:
            what = "volumes" if cohort is cohorts.synthetic else "patients"
            raise CheckFailed(
                f"evaluate: {cohort.label} has {found} {what}, a figure needs "
                f"{SMALLEST_COHORT} or more: generate or add some"
            )


def _sampling(own: Params) -> Sampling:
    return Sampling(own.seed, own.pairs, own.bootstrap)


def _controls(root: Path, cohorts: Cohorts, space: ModelSpace, own: Params) -> dict[str, Control]:
    """Properties asked for against those measured; nothing if none was asked for."""
    told = [_told(root / paths.SYNTHETIC / f"{name}.json") for name in cohorts.synthetic.names]
    synthetic = Answers(
        cohorts.synthetic, [one["asked"] for one in told], [one["measured"] for one in told]
    )
    if not synthetic.names:
        return {}
    asked, measured = [], []
    for record in reader.read_split(root / paths.RECORDS, "holdout", space.spacing_mm):
        returned = space.physical(_as_model_sees(record.volume, space))
        asked.append(asdict(record.properties))
        measured.append(asdict(measure_properties(returned)))
    real = Answers(cohorts.real["holdout"], asked, measured)
    return properties.measure(synthetic, real, _sampling(own))


def _told(path: Path) -> dict[str, dict[str, Any]]:
    """Properties that a synthetic volume was asked for and shows, from the JSON beside it."""
    try:
        told = json.loads(path.read_text(encoding="utf-8")).get("properties", {})
        return {key: dict(told.get(key, {})) for key in ("asked", "measured")}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CorruptData(
            f"{paths.SYNTHETIC / path.name}: no description of a volume ({error}): generate again"
        ) from error


def _gate(root: Path) -> dict[str, Any]:
    """What the gate of the synthetic volumes stopped, as numbers."""
    try:
        told = json.loads((root / GATE_COUNTS).read_text(encoding="utf-8"))
        drawn, rejected = int(told["drawn"]), int(told["rejected"])
        reasons = {reason: int(number) for reason, number in told["reasons"].items()}
        share = rounded(rejected / drawn)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError) as error:
        raise CorruptData(
            f"{GATE_COUNTS}: no counts of the gate ({error}): generate again"
        ) from error
    return {"drawn": drawn, "rejected": rejected, "rejected_share": share, "reasons": reasons}


def _measure(
    root: Path,
    metrics: Sequence[Metric],
    cohorts: Cohorts,
    controls: dict[str, Control],
    own: Params,
) -> None:
    gate = _gate(root)
    figures: dict[str, dict[str, Figure]] = {split: {} for split in cohorts.real}
    for metric in metrics:
        for split, figure in metric.measure(cohorts, _sampling(own)).items():
            figures[split][metric.about.key] = figure
    numbers: dict[str, Any] = {
        split: {key: figure.summary() for key, figure in of_split.items()}
        for split, of_split in figures.items()
    }
    numbers["gate"] = gate
    numbers["n"] = {cohort.label: len(cohort) for cohort in cohorts.all()}
    details = _details(metrics, cohorts, figures, own)
    if controls:
        numbers["properties"] = {name: control.summary() for name, control in controls.items()}
        details["properties"] = {
            "protocol": properties.PROTOCOL,
            "figures": {name: control.detail() for name, control in controls.items()},
        }
    write_json(root / paths.METRICS, numbers)
    write_json(root / DETAILS, details)


def _details(
    metrics: Sequence[Metric],
    cohorts: Cohorts,
    figures: dict[str, dict[str, Figure]],
    own: Params,
) -> dict[str, Any]:
    return {
        "metrics": {metric.about.key: asdict(metric.about) for metric in metrics},
        "figures": {
            split: {key: figure.detail() for key, figure in of_split.items()}
            for split, of_split in figures.items()
        },
        "volumes": {cohort.label: list(cohort.names) for cohort in cohorts.all()},
        "sampling": own.model_dump(include={"seed", "pairs", "bootstrap"}),
    }


def _draw(root: Path, space: ModelSpace, shown: int) -> None:
    files = nifti.case_files(root / paths.SYNTHETIC)[:shown]
    synthetic = [nifti.read(file) for file in files]
    titles = [f"seed {nifti.case_name(file)}" for file in files]
    caption = "Mid slices, window 400 HU around 40. The first volumes, none picked by hand."
    planes.three_planes(synthetic, root / PICTURE, caption=caption, synthetic=True, titles=titles)
    half = max(1, shown // 2)
    records = reader.read_split(root / paths.RECORDS, "holdout", space.spacing_mm)
    real = [_as_model_sees(record.volume, space) for record in islice(records, half)]
    caption += " Real: held out, on the model's grid."
    planes.side_by_side(real, synthetic[:half], root / REAL_PICTURE, caption=caption)


def _as_model_sees(volume: Volume, space: ModelSpace) -> Volume:
    return space.decode(*space.encode(volume))


def _draw_histograms(root: Path, cohorts: Cohorts, grid: Grid) -> None:
    shares = {}
    for cohort in cohorts.all():
        pooled = hu_histogram.histograms(cohort.images, grid).mean(axis=0)
        centres, shares[cohort.label] = hu_histogram.coarse(pooled, grid, _CHART_BIN_HU)
    charts.hu_histogram(centres, shares, root / HU_CHART)
    names = [*cohorts.real, cohorts.synthetic.label]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["hu", *names])
    for row, centre in enumerate(centres):
        writer.writerow([int(centre), *(rounded(shares[name][row]) for name in names)])
    write_text(root / HU_TABLE, table.getvalue())
