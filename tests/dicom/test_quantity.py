import numpy as np
import pytest

from syda.dicom import enhancement, quantity
from syda.dicom.reject import InputRejected, Reason
from syda.types import Volume


@pytest.fixture
def ds(make_slice, ramp):
    return make_slice(ramp.hu[:, :, 0].T, (0, 0, 0))


def test_a_plain_slice_is_hu(ds):
    assert quantity.fault(ds, synthetic=False) is None


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("RescaleType", "EDW"),
        ("RescaleType", "Z_EFF"),
        ("RescaleType", "MGML"),
        ("RescaleType", "HU_MOD"),
        ("RescaleType", "PCT "),
        ("ImageType", ["DERIVED", "SECONDARY", "AXIAL", "MIP"]),
        ("ImageType", ["DERIVED", "SECONDARY", "REFORMATTED", "MIN IP"]),
        ("ImageType", ["DERIVED", "SECONDARY", "MINIP"]),
        ("ImageType", ["DERIVED", "PRIMARY", "AXIAL", "ELECTRON_DENSITY"]),
        ("ImageType", ["DERIVED", "PRIMARY", "AXIAL", "EFF_ATOMIC_NUM"]),
        ("ImageType", ["DERIVED", "PRIMARY", "AXIAL", "MAT_SPECIFIC"]),
        ("ImageType", ["DERIVED", "PRIMARY", "AXIAL", "SPI IODINE"]),
        ("ImageType", ["DERIVED", "SECONDARY", "AXIAL", "CBF"]),
        ("ImageType", ["DERIVED", "SECONDARY", "AXIAL", "SUB"]),
        ("ImageType", ["DERIVED", "SECONDARY", "SCREEN SAVE"]),
        ("ImageType", ["DERIVED", "PRIMARY", "VOLUME", "MAXIMUM"]),
        ("PhotometricInterpretation", "PALETTE COLOR"),
        ("PhotometricInterpretation", "RGB"),
        ("BitsStored", 8),
        ("RescaleSlope", 0),
        ("VolumeBasedCalculationTechnique", "MAX_IP"),
    ],
)
def test_another_quantity_is_not_hu_and_its_attribute_is_named(ds, keyword, value):
    setattr(ds, keyword, value)
    found = quantity.fault(ds, synthetic=False)
    assert (found.reason, found.detail) == (Reason.NOT_HU, keyword)


def test_a_derived_image_may_say_its_kind_in_its_description_alone(ds):
    ds.SeriesDescription = "Liver MIP 30 mm"
    assert quantity.fault(ds, synthetic=False) is None  # of an original one it may be a remark
    ds.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    assert quantity.fault(ds, synthetic=False).detail == "SeriesDescription"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("RescaleType", "HU"),
        ("RescaleType", "US"),
        ("RescaleType", " hu"),
        ("RescaleType", ""),
        ("ImageType", ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]),
        ("ImageType", ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM7 DUAL STD"]),
        ("ImageType", ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]),
        ("ImageType", ["DERIVED", "SECONDARY", "MPR"]),
        ("ImageType", ["DERIVED", "PRIMARY", "AXIAL", "VMI"]),
        ("ImageType", ["ORIGINAL"]),
        ("PhotometricInterpretation", "MONOCHROME1"),
        ("BitsStored", 12),
        ("VolumeBasedCalculationTechnique", "NONE"),
    ],
)
def test_what_scanners_write_for_hu_is_hu(ds, keyword, value):
    setattr(ds, keyword, value)
    assert quantity.fault(ds, synthetic=False) is None


@pytest.mark.parametrize("keyword", quantity.REQUIRED)
def test_an_attribute_that_pixels_need_is_named(ds, keyword):
    delattr(ds, keyword)
    found = quantity.fault(ds, synthetic=False)
    assert (found.reason, found.detail) == (Reason.MISSING_ATTRIBUTE, keyword)


@pytest.mark.parametrize("value", ["YES", " YES "])
def test_a_synthetic_image_is_accepted_where_all_are_artificial(ds, value):
    ds.SyntheticData = value
    assert quantity.fault(ds, synthetic=False).reason is Reason.SYNTHETIC
    assert quantity.fault(ds, synthetic=True) is None
    ds.SyntheticData = "NO"
    assert quantity.fault(ds, synthetic=False) is None


def body(hu):
    volume = Volume(hu.astype(np.int16), np.eye(4))
    return volume, enhancement.averaged(volume)[0]


BODY = np.repeat([-1000, -90, 40, 700], [40, 20, 30, 10]).reshape(4, 5, 5)


@pytest.mark.parametrize("hu", [BODY, np.where(BODY > 0, 1000, BODY)])
def test_a_body_has_air_and_soft_tissue(hu):
    quantity.check_voxels(True, *body(hu))
    with pytest.raises(InputRejected, match="not_hu: no voxel below -300 HU"):
        quantity.check_voxels(False, *body(hu))


@pytest.mark.parametrize(
    ("hu", "share"),
    [
        (BODY - 1000, "0.00"),  # the intercept twice: bone is left
        (np.repeat([-1000, -90, 300], [40, 15, 45]).reshape(4, 5, 5), "0.25"),
        (np.full_like(BODY, -1000), "0.00"),
    ],
)
def test_what_has_little_soft_tissue_is_no_hu(hu, share):
    with pytest.raises(InputRejected, match=f"not_hu: {share} of the tissue is soft"):
        quantity.check_voxels(True, *body(hu))


def noise(hu):
    values = np.random.default_rng(0).normal(0, hu, (40, 40, 40)).astype(np.int16)
    volume = Volume(values, np.diag([0.7, 0.7, 0.7, 1]))
    return volume, enhancement.averaged(volume)[0], 1.5


def test_noise_does_not_hide_soft_tissue():
    hu = np.where(np.arange(60)[:, None, None] < 20, -1000, 40).repeat(60, 1).repeat(60, 2)
    hu = hu + np.random.default_rng(0).normal(0, 600, hu.shape)
    assert (np.abs(hu[20:]) <= 200).mean() < 0.3
    quantity.check_voxels(True, *body(hu))


def test_noise_alone_is_constant_when_it_is_resampled():
    """The stage validate takes a volume that varies by less than 50 HU for constant."""
    quantity.check_contrast(*noise(250))
    with pytest.raises(InputRejected, match=r"not_hu: standard deviation 30\.9 HU"):
        quantity.check_contrast(*noise(120))
