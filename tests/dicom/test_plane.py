import numpy as np
import pytest

from syda.dicom import plane
from syda.dicom.plane import Slice
from syda.dicom.reject import Reason, SetAside


@pytest.fixture
def slices(ramp, as_slices):
    return as_slices(ramp)


def common(slices):
    return plane.common([Slice(ds, ds) for ds in slices])


def test_spacing_is_of_columns_then_rows_and_the_normal_follows_right_handed(slices):
    found = common(slices)
    assert found.spacing == (2.0, 1.5)  # PixelSpacing is [1.5, 2.0]: rows first
    np.testing.assert_array_equal(found.normal, [0, 0, 1])


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PixelSpacing", [1.5, 2.1]),
        ("ImageOrientationPatient", [0, 1, 0, 1, 0, 0]),
        ("Rows", 9),
        ("Columns", 9),
    ],
)
def test_what_one_slice_has_otherwise_is_named(slices, keyword, value):
    setattr(slices[1], keyword, value)
    with pytest.raises(SetAside) as fault:
        common(slices)
    assert (fault.value.reason, fault.value.detail) == (Reason.MIXED_GEOMETRY, keyword)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PixelSpacing", [0, 0]),
        ("PixelSpacing", [-1, 1]),
        ("PixelSpacing", [0.7, 70]),
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]),
        ("ImageOrientationPatient", [2, 0, 0, 0, 1, 0]),
    ],
)
def test_senseless_values_in_all_slices_are_named(slices, keyword, value):
    for ds in slices:
        setattr(ds, keyword, value)
    with pytest.raises(SetAside, match=f"mixed_geometry: {keyword}"):
        common(slices)


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImageOrientationPatient", "Rows", "Columns"])
def test_what_is_absent_is_named(slices, keyword):
    del slices[3][keyword]
    with pytest.raises(SetAside, match=f"missing_attribute: {keyword}"):
        common(slices)


def test_positions_are_those_of_the_slices(slices):
    found = plane.positions([Slice(ds, ds) for ds in slices])
    assert found.shape == (8, 3)
    assert found[:, 2].tolist() == [20, 25, 30, 35, 40, 45, 50, 55]
    del slices[3].ImagePositionPatient
    with pytest.raises(SetAside, match="missing_attribute: ImagePositionPatient"):
        plane.positions([Slice(ds, ds) for ds in slices])
