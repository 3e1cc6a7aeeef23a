import numpy as np
import pytest

from syda.errors import CheckFailed
from syda.metrics.cohorts import Cohort, VoxelGrid
from syda.tuning.objective import OBJECTIVES, Objective, by_patient

GRID = VoxelGrid(8, -1000, 1000)


def volumes(count, seed, level=0.0):
    rng = np.random.default_rng(seed)
    waves = rng.normal(0, 0.2, (count, 2, 2, 2)).repeat(4, 1).repeat(4, 2).repeat(4, 3)
    return np.clip(waves + level, -1, 1).astype(np.float32)


@pytest.fixture
def judge():
    def make(name="hu_w1_ms_ssim"):
        names = tuple(f"case{n}" for n in range(6))
        return Objective(name, GRID, Cohort("validation", volumes(6, 0), names, names), seed=0)

    return make


def test_all_cases_of_a_patient_are_on_one_side():
    patients = [f"p{n % 7}" for n in range(20)]
    fitting, aside = by_patient(patients, 0.3, 0)
    assert sorted(fitting + aside) == list(range(20))
    assert not {patients[i] for i in fitting} & {patients[i] for i in aside}
    assert len({patients[i] for i in aside}) == 2


def test_the_seed_determines_the_validation_patients_and_the_order_of_cases_does_not():
    patients = [f"p{n}" for n in range(20)]
    drawn = [by_patient(patients, 0.3, seed)[1] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    backwards = by_patient(patients[::-1], 0.3, 0)[1]
    assert {patients[::-1][i] for i in backwards} == {patients[i] for i in drawn[0]}


@pytest.mark.parametrize(("share", "aside"), [(0.01, 2), (0.99, 3)])
def test_two_patients_are_left_on_either_side(share, aside):
    assert len(by_patient([f"p{n}" for n in range(5)], share, 0)[1]) == aside


def test_too_few_patients_are_a_failed_check():
    with pytest.raises(CheckFailed, match="3 patients in the training split, a search needs 4"):
        by_patient(["a", "b", "c", "a"], 0.5, 0)


def test_it_rises_with_a_shift_of_hu_and_with_less_diversity(judge, capfd):
    objective = judge()
    assert objective(volumes(6, 0)) == 0
    assert objective(volumes(6, 0, level=0.1)) == pytest.approx(100, abs=20)  # HU
    one = np.repeat(volumes(6, 0)[:1], 6, axis=0)
    assert objective(one) > 100  # MS-SSIM of a volume with itself is 1
    assert capfd.readouterr().err == ""  # its bars would cover the search's own


def test_it_is_the_same_each_time(judge):
    assert judge()(volumes(4, 1)) == judge()(volumes(4, 1))


@pytest.mark.slow
def test_the_perceptual_objective_separates_noise_from_volumes(judge):
    objective = judge("perceptual")
    noise = np.random.default_rng(0).uniform(-1, 1, (6, 8, 8, 8)).astype(np.float32)
    assert objective(volumes(6, 1)) < objective(noise)


def test_every_objective_is_one_of_the_parameter(repository):
    from typing import get_args

    from syda.tuning.config import TuneParams

    assert set(get_args(TuneParams.model_fields["objective"].annotation)) == set(OBJECTIVES)
