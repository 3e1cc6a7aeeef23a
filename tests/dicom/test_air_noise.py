import numpy as np
import pytest

from syda.dicom import air_noise


def test_between_is_from_the_first_to_the_last_tissue_of_a_row_or_column():
    tissue = np.zeros((6, 7), bool)
    tissue[1, [1, 4]] = tissue[4, 1] = True
    expected = np.zeros((6, 7), bool)
    expected[1, 1:5] = expected[1:5, 1] = True
    np.testing.assert_array_equal(air_noise.between_tissue(tissue), expected)
    assert not air_noise.between_tissue(np.zeros((3, 4), bool)).any()


@pytest.fixture
def body():
    """Air around a body of 40 HU."""
    hu = np.full((48, 48), -1000.0)
    hu[8:40, 8:40] = 40
    return hu


def share(hu, index=np.s_[:]):
    """Share of the voxels below -1024 HU that is noise of air."""
    below = hu < -1024
    noise = air_noise.is_noise(hu, -1024) & below
    return float(noise[index].sum() / below[index].sum())


def test_noise_is_noise_round_the_body_and_in_its_gas(body):
    body[20:30, 16:32] = -1000
    noisy = body + np.random.default_rng(0).normal(0, 50, body.shape)
    assert share(noisy) > 0.98
    assert share(noisy, np.s_[20:30, 16:32]) > 0.9


@pytest.mark.parametrize("hu", [-1040, -1100, -1400])
@pytest.mark.parametrize("index", [np.s_[8:40, 20:26], np.s_[20:26, 14:34], np.s_[24, 8:40]])
def test_a_streak_is_no_noise_also_where_it_reaches_the_skin(body, hu, index):
    body[index] = hu
    assert share(body) < 0.15  # its ends are at the air outside


def test_air_that_is_far_below_the_bound_is_something_else(body):
    body[body == -1000] = -1200
    assert share(body) == 0
