import numpy as np
import pytest

from syda.types import HU
from syda.volume.partial_slices import make_whole


def body(areas: list[int]) -> HU:
    """A stack of blocks of 10 columns, the rows of which are the tenths of a full slice."""
    hu = np.full((14, 14, len(areas) + 4), -1000, np.int16)
    for k, rows in enumerate(areas, start=2):
        hu[2 : 2 + rows, 2:12, k] = 40
    return hu


@pytest.mark.parametrize(
    ("areas", "whole", "changed"),
    [
        ([10, 10, 10, 10], [10, 10, 10, 10], 0),
        ([9, 10, 10, 9], [9, 10, 10, 9], 0),
        ([8, 10, 10, 10], [10, 10, 10, 10], 1),
        ([10, 10, 10, 3], [10, 10, 10], 1),
        ([2, 6, 10, 10, 10, 5], [10, 10, 10, 10], 3),
        ([8, 8, 10, 10], [10, 10, 10, 10], 2),
        ([1, 3, 10, 10], [10, 10], 2),
        ([10, 10, 5, 10, 10], [10, 10, 5, 10, 10], 0),
        ([10, 9, 8, 7, 6], [10, 9, 8, 7, 6], 0),
        ([10], [10], 0),
        ([], [], 0),
    ],
    ids=str,
)
def test_partial_slices_add_up_to_whole_ones(
    areas: list[int], whole: list[int], changed: int
) -> None:
    hu = body(areas)
    made, count = make_whole(hu, air_hu=-1000)
    area = (made > -500).sum(axis=(0, 1))
    assert [n // 10 for n in area if n] == whole
    assert count == changed
    assert set(np.unique(made)) == set(np.unique(hu))


def test_a_slice_is_completed_with_the_voxels_of_the_next() -> None:
    hu = body([6, 10, 10])
    hu[2:12, 2:12, 2], hu[8:12, 2:12, 2], hu[2:12, 2:12, 3] = 70, -1000, -90
    made, _ = make_whole(hu, air_hu=-1000)
    assert (made[2:8, 2:12, 2] == 70).all()
    assert (made[8:12, 2:12, 2] == -90).all()


def test_the_given_volume_is_not_changed() -> None:
    hu = body([3, 10, 10])
    before = hu.copy()
    make_whole(hu, air_hu=-1000)
    np.testing.assert_array_equal(hu, before)


def test_tissue_beside_the_body_goes_with_the_slice() -> None:
    hu = body([3, 10, 10])
    hu[13, 13, 2] = 200
    made, _ = make_whole(hu, air_hu=-1000)
    assert (made[:, :, 2] == -1000).all()


def test_gas_that_the_body_encloses_belongs_to_it() -> None:
    hu = body([10, 10, 10])
    hu[4:9, 4:9, 2] = -1000
    assert make_whole(hu, air_hu=-1000)[1] == 0
