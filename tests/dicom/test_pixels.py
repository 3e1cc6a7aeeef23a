import numpy as np
import pytest

from syda.dicom import pixels
from syda.dicom.reject import Reason, SetAside


def hu_of(*slices):
    return pixels.read_hu(slices, -1024, 3071)


@pytest.fixture
def ds(make_slice):
    return make_slice(np.arange(6).reshape(2, 3) * 10, (0, 0, 0))


def test_index_is_column_row_slice(ds):
    assert hu_of(ds).hu[:, :, 0].tolist() == [[0, 30], [10, 40], [20, 50]]


def test_slope_and_intercept_belong_to_each_slice(ds, make_slice):
    other = make_slice(np.zeros((2, 3)), (0, 0, 5))
    other.RescaleSlope, other.RescaleIntercept = 2, -2000  # stored 1024
    hu = hu_of(ds, other).hu
    assert hu[1, 0, 0] == 10
    assert (hu[:, :, 1] == 48).all()


def test_unsigned_pixels(ds):
    ds.PixelRepresentation = 0
    ds.RescaleIntercept = -1024
    assert hu_of(ds).hu[2, 1, 0] == 50


def test_padding_becomes_air_and_is_not_counted_as_clamped(ds):
    stored = np.array([[-2000, 1024, 1024], [1024, 5000, 1024]], np.int16)
    ds.PixelData = stored.tobytes()
    ds.PixelPaddingValue = -2000
    found = hu_of(ds)
    assert found.hu[0, 0, 0] == -1000  # -3024 HU
    assert found.hu[1, 1, 0] == 3071  # 3976 HU
    assert found.clamped_share == pytest.approx(1 / 5)


def test_untagged_padding_is_known_by_its_value_and_a_tag_wins_over_plausible_values(ds):
    ds.PixelData = np.array([[-1976, 24, 24], [24, 24, 24]], np.int16).tobytes()
    assert hu_of(ds).hu[:, :, 0].tolist() == [[-1000, -1000]] * 3
    ds.PixelData = np.array([[0, 1, 2], [1024, 1024, 1024]], np.int16).tobytes()
    ds.PixelPaddingValue, ds.PixelPaddingRangeLimit = 0, 1
    assert hu_of(ds).hu[:, 0, 0].tolist() == [-1000, -1000, -1022]


def test_truncated_pixels_and_missing_rescale_are_set_aside(ds):
    ds.PixelData = ds.PixelData[:-4]
    with pytest.raises(SetAside) as fault:
        hu_of(ds)
    assert fault.value.reason is Reason.UNDECODABLE_PIXELS
    assert fault.value.detail == "ValueError"


def test_no_rescale_slope_is_set_aside(ds):
    del ds.RescaleSlope
    with pytest.raises(SetAside) as fault:
        hu_of(ds)
    assert fault.value.reason is Reason.UNDECODABLE_PIXELS
