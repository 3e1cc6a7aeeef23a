from collections.abc import Callable

import numpy as np
import pytest
import torch

from syda.metrics.cohorts import Cohort, Cohorts, Grid
from syda.metrics.perception import Perception, look

GRID = Grid(16, -1000, 1000)
MakeVolumes = Callable[..., np.ndarray]


def test_vectors_are_the_classifiers_input_averaged_over_each_planes_slices(
    smooth: MakeVolumes,
) -> None:
    space = Perception(GRID).space
    images = smooth(2, 16)
    vectors = look(space, images).vectors
    assert vectors.shape == (2, space.vector_definition["dimensions"])
    expected = []
    with torch.inference_mode():
        for start in range(0, 24, 8):
            heads = [
                space._network.extract_features(space.images(torch.from_numpy(images), cut))
                for cut in space.slices()[start : start + 8]
            ]
            expected.append(torch.stack(heads).mean(dim=(0, 3, 4)))
    np.testing.assert_allclose(vectors, torch.cat(expected, dim=1), atol=1e-5)


def test_a_volumes_vector_does_not_depend_on_the_others(smooth: MakeVolumes) -> None:
    space = Perception(GRID).space
    images = smooth(5, 16)
    np.testing.assert_allclose(
        look(space, images[3:4]).vectors, look(space, images).vectors[3:4], atol=1e-5
    )


def test_the_same_volumes_are_looked_at_once(
    smooth: MakeVolumes, as_cohort: Callable[..., Cohort], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = smooth(4, 16)
    real = {"train": as_cohort("train", images[1:3]), "holdout": as_cohort("holdout", images[3:])}
    cohorts = Cohorts(as_cohort("synthetic", images[:1]), real)
    perception = Perception(GRID)
    first = perception.of(cohorts)
    np.testing.assert_array_equal(first.vectors, look(perception.space, images).vectors)
    assert perception.rows(cohorts) == {
        "synthetic": slice(0, 1), "train": slice(1, 3), "holdout": slice(3, 4),
    }  # fmt: skip
    other = Cohorts(cohorts.synthetic, real)
    monkeypatch.setattr("syda.metrics.perception.look", lambda *_: "looked")
    assert perception.of(cohorts) is first
    assert perception.of(other) == "looked"
