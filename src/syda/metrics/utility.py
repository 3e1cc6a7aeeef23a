"""Utility: what regressors learn from synthetic volumes, tested on held-out scans.

A ridge regression predicts a property from a volume. It is trained three times: on synthetic
volumes, on the real training scans (the ceiling), and on the mean training scan resized to the
width and voxel size of each synthetic volume (the baseline, with the same labels). A synthetic
volume is labelled with what the generator was asked for, or with what was measured in it where
nothing was asked for.

The width is predicted in voxels of the cube. In mm it is that times the voxel size, which is known:
where the field of view follows the body, a constant number of voxels already gives the mm.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from syda.metrics import ridge
from syda.metrics.cohorts import Cohort, Cohorts, Floats, Sampling, VoxelGrid
from syda.metrics.conditioning import read_properties
from syda.metrics.estimate import Estimate, MetricResult, Pairs, mean_over_pairs, rounded
from syda.metrics.evaluation import grid_of
from syda.metrics.pass_rate import Share
from syda.metrics.subsets import MIN_PATIENTS
from syda.metrics.utility_inputs import SIDE, TISSUE_EDGES_HU, features, resized_mean
from syda.properties.accuracy import Values
from syda.records import reader
from syda.records.split import Split
from syda.types import EFFECTIVE_SPACING
from syda.volume.model_space import ModelSpace

WIDTH, SEX = "body_width_mm", "sex"
PROPERTIES = ("fat_share", WIDTH, SEX)

PROTOCOL = {
    "regressor": "ridge regression; penalty by leave-one-out in the training volumes",
    "penalties": list(ridge.PENALTIES),
    "features": f"means of {SIDE}^3 blocks, of the HU within each of four bands scaled to [0, 1]",
    "band_edges_hu": list(TISSUE_EDGES_HU),
    "labels": "synthetic: requested, else measured; real: measured in the scan, sex of its header",
    "width": "predicted and scored in voxels of the cube",
    "figure": "on held-out scans: R2 of fat and width, AUC of sex",
    "resized_mean": "mean training scan, resized to each synthetic volume's width and voxel size",
    "interval": "bootstrap of the held-out patients; the trained regressors are fixed",
    "fewest_patients": MIN_PATIENTS,
}


@dataclass(frozen=True)
class LabelledVolumes:
    """Volumes with their properties.

    Attributes:
        cohort: the volumes.
        labels: :data:`PROPERTIES` and ``effective_spacing_mm`` of each volume.
    """

    cohort: Cohort
    labels: Sequence[Values]

    def target(self, name: str) -> Floats:
        """What the regressor predicts: ``[V]``, NaN where unknown.

        Args:
            name: ``fat_share``; ``body_width_mm``, in voxels; ``sex``, 1 for M and -1 for F.
        """
        if name == SEX:
            codes = {"M": 1.0, "F": -1.0}
            return np.array([codes.get(str(one.get(SEX)), np.nan) for one in self.labels])
        values = self._numbers(name)
        return values / self._numbers(EFFECTIVE_SPACING) if name == WIDTH else values

    def zoom(self, train: "LabelledVolumes") -> Floats:
        """Size of each volume in voxels over the mean one in ``train``: ``[V, 2]``.

        The first column is of the width, the second of the voxel size; 1 where unknown.
        """
        width = self.target(WIDTH) / np.nanmean(train.target(WIDTH))
        length = train._numbers(EFFECTIVE_SPACING).mean() / self._numbers(EFFECTIVE_SPACING)
        zoom: Floats = np.nan_to_num(np.stack([width, length], axis=1), nan=1.0)
        return zoom

    def _numbers(self, name: str) -> Floats:
        return np.array([one.get(name) for one in self.labels], np.float64)


@dataclass(frozen=True)
class PropertyUtility:
    """How well regressors of one property do on held-out scans.

    Attributes:
        figure: ``r2`` or ``auc``.
        result: trained on synthetic volumes, and on real training scans.
        resized_mean: trained on the resized mean training scan.
    """

    figure: str
    result: MetricResult
    resized_mean: Estimate


@dataclass(frozen=True)
class Utility:
    """Figures of the regressors.

    Attributes:
        found: property to its figures.
        not_measured: property to the reason why it has none.
    """

    found: dict[str, PropertyUtility]
    not_measured: dict[str, str]

    def summary(self) -> dict[str, dict[str, float]]:
        """Return the numbers of ``metrics.json``."""
        return {
            name: one.result.compared() | {"resized_mean": rounded(one.resized_mean.value)}
            for name, one in self.found.items()
        }

    def detail(self) -> dict[str, Any]:
        """Return protocol, figures and reasons, for ``details.json``."""
        figures = {
            name: {
                "figure": one.figure,
                **one.result.detail(),
                "resized_mean": one.resized_mean.detail(),
            }
            for name, one in self.found.items()
        }
        return {"protocol": PROTOCOL, "figures": figures, "not_measured": self.not_measured}


def measure_folders(
    synthetic: Path, records: Path, cohorts: Cohorts, space: ModelSpace, sampling: Sampling
) -> Utility:
    """Train and test the regressors, with labels of the volumes' descriptions and of the records.

    Args:
        synthetic: folder with a JSON file for each synthetic volume.
        records: folder of the records.
        cohorts: the volumes.
        space: the model's.
        sampling: seed and size of the bootstrap.

    Raises:
        CorruptData: a synthetic volume has no description.
    """
    described = [read_properties(synthetic / f"{name}.json") for name in cohorts.synthetic.names]
    labels = [  # the voxel size is the volume's: the requested one is not a whole L
        one["measured"]
        | one["requested"]
        | {EFFECTIVE_SPACING: one["measured"].get(EFFECTIVE_SPACING)}
        for one in described
    ]
    train, holdout = (
        LabelledVolumes(cohorts.real[split], _real_labels(records, split, space))
        for split in ("train", "holdout")
    )
    volumes = LabelledVolumes(cohorts.synthetic, labels)
    return measure(volumes, train, holdout, grid_of(space), sampling)


def measure(
    synthetic: LabelledVolumes,
    train: LabelledVolumes,
    holdout: LabelledVolumes,
    grid: VoxelGrid,
    sampling: Sampling,
) -> Utility:
    """Train a regressor of each property on three sets, and test it on held-out scans.

    Args:
        synthetic: the generator's volumes.
        train: real scans.
        holdout: real scans of other patients.
        grid: of all volumes.
        sampling: seed and size of the bootstrap.
    """
    cohorts = {"synthetic": synthetic, "train": train, "holdout": holdout}
    faults = {name: _fault(name, cohorts) for name in PROPERTIES}
    measurable = [name for name, fault in faults.items() if not fault]
    if not measurable:
        return Utility({}, faults)
    inputs = {label: features(one.cohort.images, grid) for label, one in cohorts.items()}
    baseline = features(resized_mean(train.cohort.images, synthetic.zoom(train)), grid)
    found = {}
    for name in measurable:
        scores = [
            _score(name, trained_on, labels.target(name), holdout, inputs["holdout"], sampling)
            for trained_on, labels in (
                (inputs["synthetic"], synthetic),
                (inputs["train"], train),
                (baseline, synthetic),
            )
        ]
        figure = "auc" if name == SEX else "r2"
        found[name] = PropertyUtility(figure, MetricResult(*scores[:2]), scores[2])
    return Utility(found, {name: fault for name, fault in faults.items() if fault})


def r2(predicted: Floats, actual: Floats, weights: Floats) -> Floats:
    """Share of the variance that is explained, of weighted values; below 0 the mean is better.

    Args:
        predicted: ``[n]``.
        actual: ``[n]``, not all equal.
        weights: ``[B, n]``.

    Returns:
        ``[B]``.

    >>> r2(np.array([1.0, 2, 4]), np.array([1.0, 2, 3]), np.ones((1, 3))).tolist()
    [0.5]
    """
    mean = weights @ actual / weights.sum(axis=1)
    variance = (weights * (actual - mean[:, None]) ** 2).sum(axis=1)
    explained: Floats = 1 - weights @ (predicted - actual) ** 2 / variance
    return explained


def _score(
    name: str,
    inputs: Floats,
    target: Floats,
    holdout: LabelledVolumes,
    tested: Floats,
    sampling: Sampling,
) -> Estimate:
    """Train on labelled inputs, and test on the labelled held-out scans."""
    labelled = ~np.isnan(target)
    regressor = ridge.fit(inputs[labelled], target[labelled])
    actual = holdout.target(name)
    rows = np.flatnonzero(~np.isnan(actual))
    predicted = regressor.predict(tested)
    spread = {"penalty": regressor.penalty}
    if name == SEX:
        pairs = _pairs(actual)
        higher = predicted[pairs.first] - predicted[pairs.second]
        wins = (higher > 0) + 0.5 * (higher == 0)
        auc = mean_over_pairs(wins, pairs, (holdout.cohort, holdout.cohort), sampling)
        return Share(auc.value, auc.replicates, len(rows), spread)
    x, y = predicted[rows], actual[rows]
    if np.ptp(x) > 0:
        spread["rho"] = float(stats.spearmanr(x, y).statistic)
    value = float(r2(x, y, np.ones((1, len(rows))))[0])
    replicates = r2(x, y, sampling.weights(holdout.cohort)[:, rows])
    return Estimate(value, replicates, len(rows), spread)


def _pairs(sex: Floats) -> Pairs:
    """Every M with every F."""
    first, second = np.meshgrid(np.flatnonzero(sex > 0), np.flatnonzero(sex < 0))
    return Pairs(first.ravel(), second.ravel())


def _fault(name: str, cohorts: dict[str, LabelledVolumes]) -> str:
    """Why a property cannot be measured; empty if it can."""
    for label, volumes in cohorts.items():
        target = volumes.target(name)
        labelled = ~np.isnan(target)
        patients = len(set(np.array(volumes.cohort.patients)[labelled]))
        if not patients and label == "synthetic":
            return "the generator was not asked for it, and it is not measured in volumes"
        if patients < MIN_PATIENTS:
            return f"{label}: {patients} patients with a label, {MIN_PATIENTS} are needed"
        if np.ptp(target[labelled]) == 0:
            return f"{label}: every label is the same"
    return ""


def _real_labels(records: Path, split: Split, space: ModelSpace) -> list[Values]:
    return [
        asdict(record.properties)
        | {
            SEX: record.case.attributes.get(SEX),
            EFFECTIVE_SPACING: space.effective_spacing(record.volume.longest_side),
        }
        for record in reader.read_split(records, split, space.spacing_mm)
    ]
