from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from syda.metrics import copy_check
from syda.metrics.cohorts import Cohort
from syda.metrics.copy_check import CopyCheck
from syda.volume.model_space import ModelSpace

MakeCohort = Callable[..., Cohort]
MakeVolumes = Callable[..., np.ndarray]
SPACE = ModelSpace(16, 1.5, -1000, 1000)
TRAIN, HELD_OUT, OTHERS = 20, 24, 20


def decoded(image: np.ndarray) -> np.ndarray:
    return SPACE.decode(image[None], 16).hu


@pytest.fixture(scope="module")
def flat() -> Callable[..., Cohort]:
    """Scans of one HU each: (label, HU values, patients)."""

    def make(label: str, hu: list[float], patients: str = "") -> Cohort:
        images = np.stack([np.full((16,) * 3, value / 1000, np.float32) for value in hu])
        names = tuple(map(str, range(len(hu))))
        return Cohort(label, images, names, tuple(patients) or names)

    return make


def test_copies_are_found_and_other_people_mostly_are_not(
    smooth: MakeVolumes, as_cohort: MakeCohort
) -> None:
    images = smooth(TRAIN + HELD_OUT + OTHERS, 16)
    train, held_out, others = np.split(images, [TRAIN, TRAIN + HELD_OUT])
    check = CopyCheck(as_cohort("train", train), as_cohort("holdout", held_out), SPACE, 0.05)
    noise = np.random.default_rng(0).normal(0, 0.003, train.shape).astype(np.float32)
    for copies in (train, (train + noise).clip(-1, 1)):
        assert all(check.is_copy(decoded(image)) for image in copies)
    refused = [check.is_copy(decoded(image)) for image in others]
    found = check.detail()
    assert np.mean(refused) < 0.3
    rate = found["false_refusals"]
    assert rate["low"] < np.mean(refused) < rate["high"]
    for space in found["spaces"].values():
        assert space["low"] < space["threshold"] < space["high"]
        assert 0 < space["held_out_refused"] <= rate["refused"] < rate["n"] == HELD_OUT
    assert f"of {HELD_OUT} held-out scans" in check.describe()


def test_either_space_suffices(smooth: MakeVolumes, as_cohort: MakeCohort) -> None:
    """A noisy copy is far to the network, and near voxel by voxel."""
    images = smooth(44, 16)
    cohorts = as_cohort("train", images[:20]), as_cohort("holdout", images[20:])
    check = CopyCheck(*cohorts, SPACE, 0.05)
    perceptual, by_voxel = check._spaces
    noise = np.random.default_rng(0).normal(0, 0.025, images[:1].shape).astype(np.float32)
    noisy = (images[:1] + noise).clip(-1, 1)
    assert perceptual.nearest(noisy)[0] > perceptual.threshold
    assert by_voxel.nearest(noisy)[0] < by_voxel.threshold
    assert check.is_copy(decoded(noisy[0]))


def test_thresholds_by_hand(flat: MakeCohort) -> None:
    """Training scans at 0 and 500 HU; held-out ones at 10, 20, ... HU: these are the distances."""
    hu = [10.0 * number for number in range(1, 21)]
    check = CopyCheck(flat("train", [0, 500]), flat("holdout", hu), SPACE, 0.05)
    found = check.detail()
    threshold = found["spaces"]["rms_hu"]["threshold"]
    assert threshold == pytest.approx(10 + 0.95 * 10, abs=0.01)  # 0.05 * 19 places after the first
    # The scan at 10 HU is nearer than those of the others; that at 20 HU would be at 10 + .9 * 20.
    assert found["spaces"]["rms_hu"]["held_out_refused"] == 2
    assert found["threshold"].startswith("quantile of 0.05 of the held-out scans")


def test_too_few_patients_have_no_quantile(flat: MakeCohort) -> None:
    held_out = flat("holdout", [30, 20, 60, 90], patients="aabc")
    check = CopyCheck(flat("train", [0]), held_out, SPACE, 0.05)
    found = check.detail()
    assert found["threshold"] == (
        "the smallest distance: 3 held-out patients are too few for a quantile of 0.05"
    )
    assert found["spaces"]["rms_hu"]["threshold"] == pytest.approx(20, abs=0.01)
    # Both scans of patient a are nearer than those of b and c.
    assert found["spaces"]["rms_hu"]["held_out_refused"] == 2
    by_voxel = check._spaces[1]
    assert by_voxel.refused.tolist() == [True, True, False, False]


@pytest.mark.parametrize(("count", "checked"), [(8, True), (2, False)])
def test_two_held_out_patients_are_needed(
    count: int, checked: bool, tmp_path: Path, made_up_records: Callable[[Path, int], Path]
) -> None:
    made_up_records(tmp_path, count)
    found = copy_check.load(tmp_path / "data/records", ModelSpace(8, 1.5, -1000, 1000), 0.05)
    assert (found is not None) == checked
