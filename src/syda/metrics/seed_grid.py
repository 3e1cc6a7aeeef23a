"""Seed grid: volumes of a generator whose properties are fixed and whose seeds differ.

Property vectors differ in how much z varies, so there are more of them than seeds of each. No
quality gate is applied: what it rejects is a part of the generator's variety.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from syda.metrics.cohorts import Cohort, Floats, SeedGrid
from syda.model.conditions import ConditionSchema
from syda.runtime import progress
from syda.sampling.sampler import Sample, Sampler
from syda.types import Attribute
from syda.volume.model_space import ModelSpace
from syda.volume.transforms import scale_window


def draw(sampler: Sampler, *, vectors: int, seeds: int) -> list[list[Sample]]:
    """Sample the volumes: a row for each property vector.

    Each seed is used once, from 0 on. The first volume of a row samples the row's properties.

    Args:
        sampler: of the generator.
        vectors: number of property vectors.
        seeds: number of volumes of each.
    """
    rows = []
    starts = range(0, vectors * seeds, seeds)
    for start in progress.track(starts, vectors, "draw seeds", "property vectors"):
        properties = sampler.inputs(start, {}).properties
        of_row = range(start, start + seeds)
        rows.append([sampler.sample(seed, properties=properties) for seed in of_row])
    return rows


def arrange(
    rows: Sequence[Sequence[Sample]],
    space: ModelSpace,
    schema: ConditionSchema,
    real: Mapping[str, Cohort],
) -> SeedGrid:
    """Arrange samples and the conditions of real scans for the metrics.

    Args:
        rows: of :func:`draw`.
        space: the model's.
        schema: the generator's conditions.
        real: split to its scans, with their properties.
    """
    samples = [sample for row in rows for sample in row]
    draws = Cohort(
        "seeds",
        np.stack([scale_window(sample.volume.hu, space) for sample in samples]),
        tuple(f"{sample.seed:06d}" for sample in samples),
        tuple(f"vector-{number}" for number, row in enumerate(rows) for _ in row),
    )
    conditions = {
        split: np.stack([_encode(schema, properties) for properties in cohort.properties])
        for split, cohort in real.items()
    }
    return SeedGrid(draws, conditions)


def _encode(schema: ConditionSchema, properties: Mapping[str, Attribute]) -> Floats:
    """Encode properties of a scan; a category that no training case has is unknown."""
    shares = {term.name: term.shares for term in schema.terms}
    possible = {
        name: value
        for name, value in properties.items()
        if name not in shares or str(value) in shares[name]
    }
    encoded: Floats = schema.encode(possible).numpy().astype(np.float64)
    return encoded
