"""Stage ``evaluate``: measure synthetic volumes against real ones and draw the pictures.

``reports/metrics.json`` holds the numbers to compare two generators by, and no more, so that ``dvc
metrics diff`` is a table of one screen (the values of the example are made up)::

    {
      "holdout": {                     # beside scans of patients that the generator never saw
        "hu_w1": {...},
        "ms_ssim_3d_L3_k7_s1.5_dr2": {
          "synthetic": 0.412,          # the figure of the synthetic volumes
          "real": 0.297                # the same figure among the real volumes of the split
        },
        "coverage_k5_imagenet-efflite0-1a2b3c4d": {...},  # density, precision, recall likewise
        "fd_ratio_imagenet-efflite0-1a2b3c4d": {...},     # "real" is 1
        "kid_poly3_imagenet-efflite0-1a2b3c4d": {...},
        "perceptual_imagenet-efflite0-1a2b3c4d": {...}
      },
      "properties": {                  # asked for and measured; absent where none was asked for
        "body_width_mm": {
          "rho": 0.91,                 # Spearman's, asked against measured
          "mae": 9.4                   # mean absolute error, mm
        }
      },
      "privacy": {                     # by space of distances; absent where patients are too few
        "rms_hu": {
          "authentic": 1.0,            # share of the synthetic volumes
          "copies_q5": 0.0,            # likewise
          "membership_auc": 0.53,
          "nearer_to_train": 0.48      # share of the synthetic volumes
        }, ...
      },
      "gate": {                        # what was drawn for these volumes
        "drawn": 66,
        "rejected": 2                  # each replaced
      },
      "n": {"holdout": 21, "synthetic": 64, "train": 43}
    }

A metric's key carries its protocol (:mod:`syda.metrics.registry`): another protocol is another key
and never a delta. A metric that needs more patients than there are has no key.

``reports/evaluation/details.json`` holds all the rest, for the card and for whoever looks closer:

- ``figures.<split>.<key>``: the same metrics on ``holdout`` and on ``train``, at ``synthetic`` and
  ``real`` each with ``value``, its 95 % interval ``low`` and ``high``, ``n`` (pairs or volumes
  behind it) and its spread; at ``difference`` synthetic - real with its interval. The training
  split's figures would double the rows of a diff and move with the others; whether they are better
  because scans were learnt by heart is what the privacy tests ask.
- ``metrics.<key>``: the metric's ``title``, ``unit``, ``aim`` (``match``: as near to real as can
  be; ``lower``: the lower the better, ``real`` is the floor; ``higher``: the higher the better,
  ``real`` is the ceiling), ``source`` and ``protocol``.
- ``properties``: ``protocol``, and at ``figures.<property>`` the ``unit`` and ``rho`` and ``mae``
  with intervals, n and spread, of the ``synthetic`` volumes and, ``real``, of held-out scans before
  against after the model's cube.
- ``privacy``: how to read the ``tests``; at ``spaces.<space>.findings.<test>`` the ``value`` with
  its interval and n and what it is read against: ``control`` with ``control_low`` and
  ``control_high`` (halves of the training scans, all members), or ``real`` and ``p`` (held-out
  scans in the place of synthetic volumes; probability of such a share or a worse one, if they are
  alike); what lies behind them; and the ``verdict`` in sentences.
- ``gate``: ``rejected_share``, and ``reasons``: a volume counts for each rule that it broke.
- ``volumes``: the names of what was measured; ``sampling``: the seed and counts.
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
from syda.metrics import hu_histogram, privacy, properties, registry, verdict
from syda.metrics.cohorts import Cohort, Cohorts, Grid, Sampling
from syda.metrics.estimate import Figure, rounded
from syda.metrics.metric import Metric
from syda.metrics.perception import Perception
from syda.metrics.privacy import Audit
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

COMPARED: Split = "holdout"
"""The split whose figures are in ``metrics.json``."""

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
        gate = _gate(root)
        controls = _controls(root, cohorts, space, own)
        perception = Perception(grid)
        numbers, details = _measure(registry.build(grid, perception), cohorts, own)
        numbers["gate"], details["gate"] = gate
        _add_controls(numbers, details, controls)
        _add_audits(numbers, details, privacy.measure(perception, grid, cohorts, _sampling(own)))
        write_json(root / paths.METRICS, numbers)
        write_json(root / DETAILS, details)
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


def _gate(root: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """Numbers and details of what the gate of the synthetic volumes stopped."""
    try:
        told = json.loads((root / GATE_COUNTS).read_text(encoding="utf-8"))
        drawn, rejected = int(told["drawn"]), int(told["rejected"])
        reasons = {reason: int(number) for reason, number in told["reasons"].items()}
        share = rounded(rejected / drawn)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError) as error:
        raise CorruptData(
            f"{GATE_COUNTS}: no counts of the gate ({error}): generate again"
        ) from error
    return {"drawn": drawn, "rejected": rejected}, {"rejected_share": share, "reasons": reasons}


def _measure(
    metrics: Sequence[Metric], cohorts: Cohorts, own: Params
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and details of every metric that the cohorts are large enough for."""
    figures: dict[str, dict[str, Figure]] = {split: {} for split in cohorts.real}
    measured = []
    for metric in metrics:
        found = metric.measure(cohorts, _sampling(own))
        for split, figure in found.items():
            figures[split][metric.about.key] = figure
        measured += [metric] if found else []
    numbers: dict[str, Any] = {
        COMPARED: {key: figure.summary() for key, figure in figures[COMPARED].items()},
        "n": {cohort.label: len(cohort) for cohort in cohorts.all()},
    }
    return numbers, _details(measured, cohorts, figures, own)


def _add_controls(
    numbers: dict[str, Any], details: dict[str, Any], controls: dict[str, Control]
) -> None:
    if not controls:
        return
    numbers["properties"] = {name: control.summary() for name, control in controls.items()}
    details["properties"] = {
        "protocol": properties.PROTOCOL,
        "figures": {name: control.detail() for name, control in controls.items()},
    }


def _add_audits(numbers: dict[str, Any], details: dict[str, Any], audits: Sequence[Audit]) -> None:
    if not audits:
        return
    numbers["privacy"] = {
        audit.space: {name: rounded(found.value) for name, found in audit.findings.items()}
        for audit in audits
    }
    details["privacy"] = {
        "verdict": verdict.sentence(audits),
        "tests": {name: asdict(reading) for name, reading in privacy.READINGS.items()},
        "spaces": {audit.space: audit.detail() for audit in audits},
    }


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
