import numpy as np
import pytest

from syda.dicom import plane
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected


@pytest.fixture
def slices(ramp, as_slices):
    return as_slices(ramp)


def common(slices):
    return plane.common_plane([CTSlice(ds, ds) for ds in slices])


def test_spacing_is_of_columns_then_rows_and_the_normal_follows_right_handed(slices):
    found = common(slices)
    assert found.spacing == (2.0, 1.5)  # PixelSpacing is [1.5, 2.0]: rows first
    np.testing.assert_array_equal(found.normal, [0, 0, 1])


ONE, ALL = slice(1, 2), slice(None)


@pytest.mark.parametrize(
    ("changed", "keyword", "value"),
    [
        (ONE, "PixelSpacing", [1.5, 2.1]),
        (ONE, "ImageOrientationPatient", [0, 1, 0, 1, 0, 0]),
        (ONE, "Rows", 9),
        (ONE, "Columns", 9),
        (ALL, "PixelSpacing", [0, 0]),
        (ALL, "PixelSpacing", [-1, 1]),
        (ALL, "PixelSpacing", [0.7, 70]),
        (ALL, "ImageOrientationPatient", [1, 0, 0, 1, 0, 0]),
        (ALL, "ImageOrientationPatient", [2, 0, 0, 0, 1, 0]),
    ],
)
def test_what_differs_or_is_impossible_is_named(slices, changed, keyword, value):
    for ds in slices[changed]:
        setattr(ds, keyword, value)
    with pytest.raises(InputRejected, match=f"mixed_geometry: {keyword}"):
        common(slices)


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImageOrientationPatient", "Rows", "Columns"])
def test_what_is_missing_is_named(slices, keyword):
    del slices[3][keyword]
    with pytest.raises(InputRejected, match=f"missing_attribute: {keyword}"):
        common(slices)


def test_positions_are_those_of_the_slices(slices):
    found = plane.positions([CTSlice(ds, ds) for ds in slices])
    assert found.shape == (8, 3)
    assert found[:, 2].tolist() == [20, 25, 30, 35, 40, 45, 50, 55]
    del slices[3].ImagePositionPatient
    with pytest.raises(InputRejected, match="missing_attribute: ImagePositionPatient"):
        plane.positions([CTSlice(ds, ds) for ds in slices])
