"""Conditioning accuracy: does a synthetic volume have the properties that were requested?

Spearman's rho says whether a larger requested value gives a larger measured one. The mean absolute
error (MAE) says by how much volumes miss, in the property's unit. The baseline is the same figure
for held-out scans: the property measured in the scan against the property measured after the scan
was encoded to the model's cube and decoded. It shows what the size of the model's voxels costs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from syda.errors import CorruptData
from syda.metrics.cohorts import Cohort, Cohorts, Sampling
from syda.metrics.estimate import Estimate, rounded
from syda.properties.accuracy import (
    MIN_VOLUMES,
    Values,
    comparable_properties,
    matched_values,
    percentile_interval,
    weighted_spearman,
)
from syda.properties.measured import measure_properties
from syda.properties.schema import unit_of
from syda.records import reader
from syda.types import EFFECTIVE_SPACING
from syda.volume.model_space import ModelSpace
from syda.volume.transforms import encode

PROTOCOL = {
    "measured": "on the volume resampled to its true voxel size",
    "rho": "Spearman's rank correlation of requested and measured; interval by percentiles",
    "mae": "mean of |measured - requested|",
    "floor": "held-out scans: measured before against after encoding to the model's cube",
    "fewest_volumes": MIN_VOLUMES,
}


@dataclass(frozen=True)
class ConditionedVolumes:
    """Volumes with their requested and measured properties.

    Attributes:
        cohort: the volumes.
        requested: properties of each volume that the generator was given.
        measured: properties that each volume shows.
    """

    cohort: Cohort
    requested: Sequence[Values]
    measured: Sequence[Values]

    @property
    def names(self) -> list[str]:
        """Properties that enough volumes have both values of."""
        return comparable_properties(self.requested, self.measured)


@dataclass(frozen=True)
class PropertyAccuracy:
    """How well the measured values of a property follow the requested ones.

    Attributes:
        rho: Spearman's rank correlation; None where all requested or all measured values are equal.
        mae: mean absolute error; its spread holds the mean of measured - requested as ``bias``.
    """

    rho: Estimate | None
    mae: Estimate

    def detail(self) -> dict[str, Any]:
        """Return both figures with their spread, for ``details.json``."""
        if self.rho is None:
            return {"rho": None, "mae": self.mae.detail()}
        low, high = map(rounded, percentile_interval(self.rho.replicates))
        return {"rho": self.rho.detail() | {"low": low, "high": high}, "mae": self.mae.detail()}


@dataclass(frozen=True)
class ConditioningAccuracy:
    """Accuracy of one property.

    Attributes:
        unit: of the property.
        synthetic: of the generator's volumes.
        baseline: of held-out scans; None where too few of them show the property.
    """

    unit: str
    synthetic: PropertyAccuracy
    baseline: PropertyAccuracy | None

    def summary(self) -> dict[str, float]:
        """Return the numbers of ``metrics.json``; a figure that is not defined has no key."""
        found = {"mae": rounded(self.synthetic.mae.value)}
        if self.synthetic.rho:
            found["rho"] = rounded(self.synthetic.rho.value)
        return found

    def detail(self) -> dict[str, Any]:
        """Return synthetic accuracy and baseline, for ``details.json``."""
        real = self.baseline and self.baseline.detail()
        return {"unit": self.unit, "synthetic": self.synthetic.detail(), "real": real}


def measure(
    synthetic: ConditionedVolumes, real: ConditionedVolumes, sampling: Sampling
) -> dict[str, ConditioningAccuracy]:
    """Compare requested with measured properties.

    Args:
        synthetic: the generator's volumes.
        real: held-out scans; "requested" is what was measured in the scan itself.
        sampling: seed and size of the bootstrap.

    Returns:
        Property to its figures, for :attr:`ConditionedVolumes.names` of the synthetic volumes.
    """
    measurable = set(real.names)
    return {
        name: ConditioningAccuracy(
            unit_of(name),
            property_accuracy(synthetic, name, sampling),
            property_accuracy(real, name, sampling) if name in measurable else None,
        )
        for name in synthetic.names
    }


def measure_folders(
    synthetic: Path, records: Path, cohorts: Cohorts, space: ModelSpace, sampling: Sampling
) -> dict[str, ConditioningAccuracy]:
    """Compare requested with measured properties, read from the descriptions of the volumes.

    Args:
        synthetic: folder with a JSON file for each synthetic volume.
        records: folder of the records.
        cohorts: the volumes.
        space: the model's.
        sampling: seed and size of the bootstrap.

    Returns:
        As :func:`measure`; empty if the generator was given no property.

    Raises:
        CorruptData: a synthetic volume has no description.
    """
    described = [read_properties(synthetic / f"{name}.json") for name in cohorts.synthetic.names]
    volumes = ConditionedVolumes(
        cohorts.synthetic,
        [one["requested"] for one in described],
        [one["measured"] for one in described],
    )
    if not volumes.names:
        return {}
    before, after = [], []
    for record in reader.read_split(records, "holdout", space.spacing_mm):
        scan = record.volume
        decoded = space.physical(space.decode(encode(scan, space), scan.longest_side))
        before.append(asdict(record.properties))
        after.append(asdict(measure_properties(decoded)))
    real = ConditionedVolumes(cohorts.real["holdout"], before, after)
    return measure(volumes, real, sampling)


def summary(accuracies: Mapping[str, ConditioningAccuracy]) -> dict[str, dict[str, float]]:
    """Return the numbers of ``metrics.json``."""
    return {name: one.summary() for name, one in accuracies.items()}


def detail(accuracies: Mapping[str, ConditioningAccuracy]) -> dict[str, Any]:
    """Return protocol and figures, for ``details.json``."""
    figures = {name: one.detail() for name, one in accuracies.items()}
    return {"protocol": PROTOCOL, "figures": figures}


def read_properties(path: Path) -> dict[str, dict[str, Any]]:
    """Read what a synthetic volume was ``requested`` to show and what was ``measured`` in it.

    Args:
        path: its JSON file. Its ``effective_spacing_mm`` is among the measured properties.

    Raises:
        CorruptData: it is no description of a volume.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        found = facts.get("properties", {})
        requested, measured = (dict(found.get(key, {})) for key in ("requested", "measured"))
        spacing = {EFFECTIVE_SPACING: facts.get(EFFECTIVE_SPACING)}
        return {"requested": requested, "measured": measured | spacing}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CorruptData(
            f"{path}: no description of a volume ({error}): generate again"
        ) from error


def property_accuracy(
    volumes: ConditionedVolumes, name: str, sampling: Sampling
) -> PropertyAccuracy:
    """Rank correlation and error of one property, over the volumes that have both values."""
    requested, measured, rows = matched_values(name, volumes.requested, volumes.measured)
    weights = sampling.weights(volumes.cohort)[:, rows]
    error = np.abs(measured - requested)
    mean = weights @ error / weights.sum(axis=1)
    spread = {"bias": float(np.mean(measured - requested)), "max": float(error.max())}
    rho = None
    if np.ptp(requested) > 0 and np.ptp(measured) > 0:
        value = float(stats.spearmanr(requested, measured).statistic)
        rho = Estimate(value, weighted_spearman(requested, measured, weights), len(rows))
    return PropertyAccuracy(rho, Estimate(float(error.mean()), mean, len(rows), spread))
