import contextlib
from types import SimpleNamespace

import gdcm
import numpy as np
import pydicom
import pytest
from pydicom import uid

from syda.dicom import pixels
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Reason


def hu_of(*slices):
    planes = pixels.Planes([CTSlice(ds, ds) for ds in slices], -1024, 3071)
    hu = np.stack(list(planes), axis=-1)
    return SimpleNamespace(hu=hu, clamped_share=planes.clamped_share)


def reason_of(ds):
    with pytest.raises(InputRejected) as fault:
        hu_of(ds)
    return fault.value.reason, fault.value.detail


@pytest.fixture
def ds(make_slice):
    return make_slice(np.arange(6).reshape(2, 3) * 10, (0, 0, 0))


def test_index_is_column_row_slice(ds):
    assert hu_of(ds).hu[:, :, 0].tolist() == [[0, 30], [10, 40], [20, 50]]


def test_slope_and_intercept_belong_to_each_slice(ds, make_slice):
    other = make_slice(np.zeros((2, 3)), (0, 0, 5))
    other.RescaleSlope, other.RescaleIntercept = 2, -2000  # stored 1024
    third = make_slice(np.zeros((2, 3)), (0, 0, 10))
    third.RescaleSlope, third.RescaleIntercept = 0.5, -512.5
    hu = hu_of(ds, other, third).hu
    assert hu[1, 0, 0] == 10
    assert (hu[:, :, 1] == 48).all()
    assert (hu[:, :, 2] == 0).all()  # -0.5, rounded to even


def test_unsigned_pixels_use_their_whole_range(ds):
    ds.PixelRepresentation, ds.RescaleIntercept = 0, -40000
    ds.PixelData = np.array([[40000, 39000, 40100], [65535, 43071, 38976]], "<u2").tobytes()
    found = hu_of(ds)
    assert found.hu[:, :, 0].T.tolist() == [[0, -1000, 100], [3071, 3071, -1024]]
    assert found.clamped_share == pytest.approx(1 / 6)


def test_signed_pixels_of_twelve_bits(ds):
    ds.BitsStored, ds.HighBit, ds.RescaleIntercept = 12, 11, 0
    ds.PixelData = np.array([[-1000, -1, 0], [1, 2000, 2047]], "<i2").tobytes()
    assert hu_of(ds).hu[:, :, 0].T.tolist() == [[-1000, -1, 0], [1, 2000, 2047]]


def test_a_slice_gives_its_packed_pixels_away(ds):
    hu_of(ds)
    assert "PixelData" not in ds


def test_padding_becomes_air_and_is_not_counted_as_clamped(ds):
    stored = np.array([[-2000, 1024, 1024], [1024, 5000, 1024]], np.int16)
    ds.PixelData = stored.tobytes()
    ds.PixelPaddingValue = -2000
    found = hu_of(ds)
    assert found.hu[0, 0, 0] == -1000  # -3024 HU
    assert found.hu[1, 1, 0] == 3071  # 3976 HU
    assert found.clamped_share == pytest.approx(1 / 5)


def test_untagged_padding_is_recognised_by_its_value(ds):
    ds.PixelData = np.array([[-1976, 24, 24], [24, -976, 24]], np.int16).tobytes()  # -3000, -2000
    found = hu_of(ds)
    assert found.hu[:, :, 0].tolist() == [[-1000, -1000]] * 3
    assert found.clamped_share == 0


@pytest.mark.parametrize("limits", [(0, 1), (1, 0)])
def test_a_tag_wins_over_plausible_values(ds, limits):
    ds.PixelData = np.array([[0, 1, 2], [1024, 1024, 1024]], np.int16).tobytes()
    ds.PixelPaddingValue, ds.PixelPaddingRangeLimit = limits
    assert hu_of(ds).hu[:, 0, 0].tolist() == [-1000, -1000, -1022]


@pytest.mark.parametrize(
    ("signed", "written", "stored"), [(1, 63536, -2000), (1, -2000, -2000), (0, -1, 65535)]
)
def test_a_padding_value_written_with_the_other_sign_is_read_as_pixels_are(
    ds, signed, written, stored
):
    ds.PixelRepresentation, ds.RescaleIntercept = signed, 0
    values = [[stored, 7, 7], [7, 7, 7]]
    ds.PixelData = np.array(values, "<i2" if signed else "<u2").tobytes()
    ds.add_new("PixelPaddingValue", "SL", written)
    found = hu_of(ds)
    assert found.hu[:, 0, 0].tolist() == [-1000, 7, 7]
    assert found.clamped_share == 0


def test_truncated_pixels_are_rejected(ds):
    ds.PixelData = ds.PixelData[:-4]
    assert reason_of(ds) == (Reason.UNDECODABLE_PIXELS, "ValueError")


@pytest.mark.parametrize(
    ("keyword", "reason"),
    [
        ("RescaleSlope", Reason.MISSING_ATTRIBUTE),
        ("RescaleIntercept", Reason.MISSING_ATTRIBUTE),
        ("PixelData", Reason.UNDECODABLE_PIXELS),
        ("Rows", Reason.UNDECODABLE_PIXELS),
    ],
)
def test_what_a_value_needs_must_be_there(make_slice, keyword, reason):
    good = make_slice(np.zeros((2, 3)), (0, 0, 0))
    bad = make_slice(np.zeros((2, 3)), (0, 0, 5))
    delattr(bad, keyword)
    with pytest.raises(InputRejected) as fault:
        hu_of(good, bad)
    assert fault.value.reason is reason


def test_colour_is_rejected(ds):
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = bytes(18)
    assert reason_of(ds) == (
        Reason.UNDECODABLE_PIXELS,
        "more than one frame or sample in a slice",
    )


def noisy(make_slice, signed):
    values = np.random.default_rng(0).integers(-1024, 3000, (64, 48))
    values[:8] = -1024
    ds = make_slice(values, (0, 0, 0))
    ds.PixelRepresentation = signed
    if signed:
        ds.RescaleIntercept = 0
        ds.PixelData = values.astype("<i2").tobytes()
    return ds, values


def jpeg_lossless(ds, folder):
    """As gdcm packs it, which is the one here that can."""
    pydicom.dcmwrite(folder / "plain", ds, enforce_file_format=True)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(folder / "plain"))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(folder / "packed"))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return pydicom.dcmread(folder / "packed")


def packed(ds, syntax, folder):
    if syntax == uid.JPEGLosslessSV1:
        ds = jpeg_lossless(ds, folder)
    else:
        ds.compress(syntax)
    assert ds.file_meta.TransferSyntaxUID == syntax
    return ds


SYNTAXES = [uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.RLELossless]


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda s: s.keyword)
def test_packed_pixels_are_the_plain_ones(make_slice, tmp_path, syntax, signed):
    ds, values = noisy(make_slice, signed)
    found = hu_of(packed(ds, syntax, tmp_path))
    np.testing.assert_array_equal(found.hu[:, :, 0], values.T)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9, 0.97, 0.995])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda s: s.keyword)
def test_packed_pixels_that_are_cut_are_rejected(make_slice, tmp_path, syntax, share):
    ds, _ = noisy(make_slice, 1)
    ds = packed(ds, syntax, tmp_path)
    (frame,) = pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1)
    cut = frame[: int(len(frame) * share) // 2 * 2]
    ds.PixelData = pydicom.encaps.encapsulate([cut])
    assert reason_of(ds)[0] is Reason.UNDECODABLE_PIXELS


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda s: s.keyword)
@pytest.mark.filterwarnings("ignore")  # of what the decoders say
def test_a_damaged_head_of_packed_pixels_never_ends_the_process(make_slice, tmp_path, syntax):
    ds, values = noisy(make_slice, 1)
    ds = packed(ds, syntax, tmp_path)
    (frame,) = pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1)
    random = np.random.default_rng(0)
    decoded = 0
    for _ in range(150):
        damaged = bytearray(frame)
        damaged[random.integers(48)] = random.integers(256)
        ds.PixelData = pydicom.encaps.encapsulate([bytes(damaged)])
        with contextlib.suppress(InputRejected):
            assert pixels.decode(CTSlice(ds, ds)).shape == values.shape
            decoded += 1
    assert 0 < decoded < 150


def test_a_transfer_syntax_that_nobody_knows_is_rejected(ds):
    ds.file_meta.TransferSyntaxUID = "1.2.3.4"
    assert reason_of(ds)[0] is Reason.UNDECODABLE_PIXELS


def test_same_pixels_are_the_same_hu(ds, make_slice):
    other = make_slice(np.arange(6).reshape(2, 3) * 10, (0, 0, 9))
    other.RescaleIntercept = 0
    other.PixelData = (np.arange(6) * 10).astype("<i2").tobytes()
    one, two = CTSlice(ds, ds), CTSlice(other, other)
    assert pixels.same_pixels(one, two)
    other.RescaleIntercept = 1
    assert not pixels.same_pixels(one, two)
