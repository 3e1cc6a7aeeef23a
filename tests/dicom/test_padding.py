import numpy as np
import pytest

from syda.dicom import padding
from syda.dicom.reject import InputRejected


@pytest.fixture
def ds(make_slice):
    ds = make_slice(np.zeros((2, 3)), (0, 0, 0))
    ds.RescaleIntercept = 0
    return ds


STORED = np.array([[-2000, 0, 7], [-1000, 40, 3000]], np.int16)


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [
        (-2000, None, 1),
        (-2000, -1000, 2),
        (0, None, 0),  # water
        (-2000, 0, 0),  # up to water
        (40, None, 0),  # liver
        (3000, None, 1),  # more than bone
    ],
)
def test_a_value_of_tissue_is_no_padding(ds, value, limit, expected):
    ds.PixelPaddingValue = value
    if limit is not None:
        ds.PixelPaddingRangeLimit = limit
    found = padding.tagged(ds, STORED)
    assert (0 if found is None else found.sum()) == expected


def test_zero_is_padding_where_it_is_no_tissue(ds):
    ds.RescaleIntercept, ds.PixelPaddingValue = -1024, 0
    assert padding.tagged(ds, STORED).sum() == 1


def test_a_value_written_twice_is_one_and_others_are_named(ds):
    ds.add_new("PixelPaddingValue", "SS", [-2000, -2000])
    assert padding.tagged(ds, STORED).sum() == 1
    for value, vr in (([-2000, -1000], "SS"), (b"ab", "OB")):
        ds.add_new("PixelPaddingValue", vr, value)
        with pytest.raises(InputRejected, match="missing_attribute: PixelPaddingValue"):
            padding.tagged(ds, STORED)
