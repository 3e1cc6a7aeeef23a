import numpy as np
import pydicom
import pytest
from pydicom.uid import MRImageStorage

from syda.dicom import pixels, series
from syda.dicom.reject import Reason, SetAside
from syda.volume import geometry


def reason_of(slices, min_slices=3):
    with pytest.raises(SetAside) as fault:
        series.order(slices, min_slices)
    return fault.value.reason


def test_shuffled_slices_come_back_as_the_volume_they_were(ramp, as_slices):
    slices = as_slices(ramp)
    shuffled = [slices[i] for i in np.random.default_rng(0).permutation(len(slices))]
    for number, ds in enumerate(shuffled):
        ds.InstanceNumber = number  # wrong on purpose
    ordered = series.order(shuffled, 3)
    hu = pixels.read_hu(ordered.slices, -1024, 3071).hu
    back = geometry.to_ras(hu, ordered.affine)
    np.testing.assert_allclose(back.affine, ramp.affine, atol=1e-9)
    np.testing.assert_array_equal(back.hu, ramp.hu)


@pytest.mark.parametrize("degrees", [0, 20])
@pytest.mark.parametrize(
    "orientation",
    [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, -1, 0), (-1, 0, 0, 0, 1, 0), (1, 0, 0, 0, -1, 0)],
)
def test_every_voxel_lands_where_its_header_says(make_slice, orientation, degrees):
    """Supine, prone, feet-first, and turned about the long axis: value = 3x + 5y + 7z in RAS."""
    angle = np.radians(degrees)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    row, column = turn @ orientation[:3], turn @ orientation[3:]
    slices = []
    for k in range(4):
        origin = np.array([-12.0, 7.0, 30 + 4.0 * k])
        r, c = np.mgrid[:6, :5]
        lps = origin + c[..., None] * row * 2.0 + r[..., None] * column * 1.5
        hu = np.rint(lps @ [-3.0, -5.0, 7.0])
        slices.append(
            make_slice(hu, tuple(origin), orientation=(*row, *column), spacing=(1.5, 2.0))
        )
    ordered = series.order(slices, 3)
    volume = geometry.to_ras(pixels.read_hu(ordered.slices, -1024, 3071).hu, ordered.affine)
    index = np.stack(np.meshgrid(*map(np.arange, volume.hu.shape), indexing="ij"), axis=-1)
    world = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    assert np.abs(volume.hu - world @ [3.0, 5.0, 7.0]).max() <= 0.51
    assert geometry.orientation_code(volume.affine) == "RAS"


def test_positions_rounded_to_two_decimals_pass(ramp, as_slices):
    slices = as_slices(ramp)
    for k, ds in enumerate(slices):
        ds.ImagePositionPatient = [*ds.ImagePositionPatient[:2], round(k * 1.0 / 3, 2)]
    ordered = series.order(slices, 3)
    assert ordered.affine[2, 2] == pytest.approx(1 / 3, abs=2e-3)


def test_a_missing_slice_an_irregular_gap_and_a_duplicate_are_named(ramp, as_slices):
    slices = as_slices(ramp)
    assert reason_of(slices[:3] + slices[4:]) is Reason.IRREGULAR_SPACING
    assert reason_of([*slices, slices[2]]) is Reason.DUPLICATE_SLICES


def test_gantry_tilt_is_named_with_its_angle(ramp, as_slices):
    slices = as_slices(ramp)
    for k, ds in enumerate(slices):
        x, y, z = ds.ImagePositionPatient
        ds.ImagePositionPatient = [x, y + k * 5.0 * np.tan(np.radians(15)), z]
    with pytest.raises(SetAside, match=r"gantry_tilt: 15\.0 degrees"):
        series.order(slices, 3)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PixelSpacing", [1.5, 2.1]), ("ImageOrientationPatient", [0, 1, 0, 1, 0, 0]), ("Rows", 9)],
)
def test_mixed_geometry_is_named(ramp, as_slices, keyword, value):
    slices = as_slices(ramp)
    setattr(slices[1], keyword, value)
    assert reason_of(slices) is Reason.MIXED_GEOMETRY


def test_too_few_slices_and_missing_attributes_are_named(ramp, as_slices):
    slices = as_slices(ramp)
    assert reason_of(slices, min_slices=9) is Reason.TOO_FEW_SLICES
    del slices[3].ImagePositionPatient
    assert reason_of(slices) is Reason.MISSING_ATTRIBUTE


def test_files_that_are_no_ct_slice_say_why(tmp_path, ramp, as_slices, save_slices):
    good, localizer, mr = as_slices(ramp)[:3]
    localizer.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    mr.SOPClassUID = mr.file_meta.MediaStorageSOPClassUID = MRImageStorage
    folder = save_slices(tmp_path, [good, localizer, mr])
    (folder / "text").write_text("not DICOM")
    (folder / "empty").touch()
    (folder / "cut").write_bytes((folder / "0000").read_bytes()[:150])

    assert series.series_uid(folder / "0000") == "1.2.3"
    expected = {
        "0001": Reason.LOCALIZER,
        "0002": Reason.NOT_CT_IMAGE,
        "text": Reason.NOT_DICOM,
        "empty": Reason.NOT_DICOM,
    }
    for name, reason in expected.items():
        with pytest.raises(SetAside) as fault:
            series.series_uid(folder / name)
        assert fault.value.reason is reason
    with pytest.raises(SetAside):
        series.series_uid(folder / "cut")


def test_read_slices_reads_pixels(tmp_path, ramp, as_slices, save_slices):
    folder = save_slices(tmp_path, as_slices(ramp))
    (dataset,) = series.read_slices([folder / "0000"])
    assert isinstance(dataset, pydicom.Dataset)
    assert dataset.pixel_array.shape == (ramp.hu.shape[1], ramp.hu.shape[0])
