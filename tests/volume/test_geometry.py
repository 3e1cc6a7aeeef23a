import itertools

import numpy as np
import pytest

from syda.volume import geometry


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", list(itertools.product([1, -1], repeat=3)))
def test_to_ras_keeps_the_world_position_of_every_voxel(ramp, ramp_hu, order, signs):
    affine = np.eye(4)
    affine[:3, :3] = (np.diag([2.0, 1.5, 5.0]) * signs)[:, order]
    affine[:3, 3] = [3, -4, 5]
    shape = tuple(np.array([5, 4, 3])[list(order)])

    moved = geometry.to_ras(ramp_hu(affine, shape), affine)

    assert geometry.orientation_code(moved.affine) == "RAS"
    assert moved.spacing == (2.0, 1.5, 5.0)
    np.testing.assert_array_equal(moved.hu, ramp_hu(moved.affine, moved.hu.shape))


def test_with_spacing_keeps_the_outer_face_of_the_first_voxel():
    affine = np.array([[0, -2.0, 0, 10], [3.0, 0, 0, -5], [0, 0, 5.0, 7], [0, 0, 0, 1]])
    corner = [-0.5, -0.5, -0.5, 1]
    moved = geometry.with_spacing(affine, 1.5)
    np.testing.assert_allclose(moved @ corner, affine @ corner, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(moved[:3, :3], axis=0), 1.5)


def test_lps_to_ras_is_its_own_inverse():
    np.testing.assert_array_equal(geometry.LPS_TO_RAS @ geometry.LPS_TO_RAS, np.eye(4))
