from collections.abc import Callable

import numpy as np
import pytest
import torch

from small_generator import CUBE, small_generator
from syda.metrics.cohorts import Cohort
from syda.metrics.seed_grid import arrange, draw
from syda.model.conditions import ConditionSchema
from syda.sampling.sampler import Sample, Sampler
from syda.types import EFFECTIVE_SPACING
from syda.volume.model_space import ModelSpace
from syda.volume.transforms import scale_window

SPACE = ModelSpace(**CUBE)
VECTORS, SEEDS = 8, 3
CASES = [{EFFECTIVE_SPACING: 3.0 + 0.3 * n, "sex": "FM"[n % 2]} for n in range(6)]
SCHEMA = ConditionSchema.fit(CASES, [EFFECTIVE_SPACING, "sex"])
SIZES = ConditionSchema.fit(CASES, [EFFECTIVE_SPACING])


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    return Sampler(small_generator(SCHEMA), SPACE, SIZES, SCHEMA, torch.float32)


@pytest.fixture(scope="module")
def rows(sampler: Sampler) -> list[list[Sample]]:
    return draw(sampler, vectors=VECTORS, seeds=SEEDS)


def test_a_row_has_one_property_vector_and_every_seed_is_used_once(
    rows: list[list[Sample]], sampler: Sampler
) -> None:
    assert [[sample.seed for sample in row] for row in rows] == [
        list(range(first, first + SEEDS)) for first in range(0, VECTORS * SEEDS, SEEDS)
    ]
    for row in rows:
        assert all(sample.properties == row[0].properties for sample in row)
        assert len({sample.volume.hu.tobytes() for sample in row}) == SEEDS
        assert row[0].properties == sampler.inputs(row[0].seed, {}).properties
    assert len({str(row[0].properties) for row in rows}) > VECTORS / 2


def test_the_first_volume_of_a_row_is_that_of_its_seed(
    rows: list[list[Sample]], sampler: Sampler
) -> None:
    np.testing.assert_array_equal(rows[2][0].volume.hu, sampler.sample(rows[2][0].seed).volume.hu)


def test_volumes_are_arranged_by_property_vector(rows: list[list[Sample]]) -> None:
    found = arrange(rows, SPACE, SCHEMA, {}).draws
    assert found.images.shape == (VECTORS * SEEDS, 8, 8, 8)
    assert found.patient_index[[0, SEEDS - 1, SEEDS]].tolist()[:2] == [0, 0]
    assert len(set(found.patients)) == VECTORS
    np.testing.assert_array_equal(
        found.images[SEEDS + 2], scale_window(rows[1][2].volume.hu, SPACE)
    )


def test_scans_have_the_conditions_of_the_generator(
    rows: list[list[Sample]], as_cohort: Callable[..., Cohort]
) -> None:
    """What no training case has is unknown, and so is what is not measured."""
    scans = [{"sex": "F", EFFECTIVE_SPACING: 3.3, "other": 1.0}, {"sex": "O"}, {"sex": None}]
    plain = as_cohort("holdout", np.zeros((3, 8, 8, 8), np.float32))
    cohort = Cohort("holdout", plain.images, plain.names, plain.patients, tuple(scans))
    found = arrange(rows, SPACE, SCHEMA, {"holdout": cohort}).conditions["holdout"]
    np.testing.assert_allclose(found[0], SCHEMA.encode({"sex": "F", EFFECTIVE_SPACING: 3.3}))
    assert not found[1:].any()
