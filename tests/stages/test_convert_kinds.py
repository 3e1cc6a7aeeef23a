"""Files that people really have and that are not as they should be: each kind has its decision."""

import bz2
import gzip
import io
import lzma
import os

import numpy as np
import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, SecondaryCaptureImageStorage

from syda.errors import CheckFailed, SydaError, UsageError
from syda.types import Volume


def brighter(scans, hu=60):
    return Volume(scans.ramp.hu + np.int16(hu), scans.ramp.affine)


def moved(slices, mm):
    for ds in slices:
        x, y, z = ds.ImagePositionPatient
        ds.ImagePositionPatient = [x, y, float(z) + mm]
    return slices


def content(ds):
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, ds, enforce_file_format=True)
    return stream.getvalue()


def check_exact(scans, *expected):
    """Each case has the HU of one of the volumes, and each volume is a case."""
    found = [scans.volume(case).hu for case in scans.case_ids()]
    found.sort(key=lambda hu: int(hu.max()))
    assert len(found) == len(expected)
    for hu, volume in zip(found, expected, strict=True):
        np.testing.assert_array_equal(hu, volume.hu)


# --- acquisitions

TAGS = [
    ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}),
    ({"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B60f"}),
    ({"KVP": 80}, {"KVP": 140}),
    ({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}),
    ({"AcquisitionTime": "100000"}, {"AcquisitionTime": "100130"}),
]


@pytest.mark.parametrize(("one", "two"), TAGS)
@pytest.mark.parametrize("mm", [2.5, 0.1, 1.7, 0.0])
def test_phases_are_cases_wherever_their_slices_lie(scans, one, two, mm):
    second = moved(scans.series(3, brighter(scans), **two), mm)
    scans.add("", [*scans.series(3, **one), *second])
    scans.run()
    check_exact(scans, scans.ramp, brighter(scans))
    assert scans.noted("irregularities") == [["several_acquisitions"]] * 2


def test_times_that_increase_along_the_table_separate_phases(scans):
    first, second = scans.series(3), moved(scans.series(3, brighter(scans)), 2.5)
    for second_phase, slices in enumerate((first, reversed(second))):
        for k, ds in enumerate(slices):
            ds.ContentTime = f"10{second_phase}0{k:02}"
    scans.add("", [*first, *second])
    scans.run()
    check_exact(scans, scans.ramp, brighter(scans))


@pytest.mark.parametrize("missing", [False, True])
def test_what_one_phase_lacks_and_the_order_of_images_separate_phases(scans, missing):
    first, second = scans.series(3), moved(scans.series(3, brighter(scans)), 2.5)
    for number, ds in enumerate([*first, *second], start=7):
        ds.InstanceNumber = 1 if missing else number
    for ds in second:
        ds.AcquisitionNumber = 2 if missing else None
    scans.add("", [*first, *second])
    scans.run()
    check_exact(scans, scans.ramp, brighter(scans))


@pytest.mark.parametrize("phases", [3, 4])
def test_several_phases_and_a_slice_that_monitors_the_bolus(scans, phases):
    slices = scans.series(3, brighter(scans, 7), AcquisitionNumber=9)[4:5]
    for phase in range(phases):
        brightened = scans.series(3, brighter(scans, 20 * phase), AcquisitionNumber=phase)
        slices += moved(brightened, 5 * phase / phases)
    scans.add("", slices)
    scans.run()
    check_exact(scans, *[brighter(scans, 20 * phase) for phase in range(phases)])
    assert [entry["reason"] for entry in scans.excluded()] == ["too_few_slices"]


def test_times_of_two_reconstruction_engines_separate_nothing(scans):
    slices = scans.series(3, Volume(np.tile(body(0).hu, 3), np.diag([5.0, 5, 5, 1])))
    for number, ds in enumerate(slices):  # one makes slices 0 to 8, the other the rest
        ds.ContentTime = f"10000{number % 9 // 3}"
    scans.add("", slices)
    assert scans.run()["converted"] == 1
    assert scans.noted("irregularities") == [[]]


def test_a_gap_condemns_its_own_phase_alone(scans):
    second = moved(scans.series(3, brighter(scans), AcquisitionNumber=2), 2.5)
    scans.add("", [*scans.series(3, AcquisitionNumber=1), *second[:3], *second[4:]])
    report = scans.run({"max_rejected_share": 1.0, "fill_one_missing_slice": False})
    check_exact(scans, scans.ramp)
    assert report["reasons"] == {"missing_slices": 1}


@pytest.mark.parametrize(
    ("keyword", "values"), [("KVP", (120, 100)), ("ConvolutionKernel", ("B30f", "B60f"))]
)
def test_what_changes_along_the_table_divides_it(scans, keyword, values):
    slices = scans.series(
        3,
        Volume(
            np.concatenate([body(0).hu[..., :4], body(9).hu[..., :4]], 2), np.diag([5.0, 5, 5, 1])
        ),
    )
    for number, ds in enumerate(slices):
        setattr(ds, keyword, values[number >= 4])
    scans.add("", slices)
    assert scans.run()["converted"] == 2
    assert {scans.volume(case).hu.shape[2] for case in scans.case_ids()} == {4}


def test_one_number_written_in_two_ways_divides_nothing(scans):
    slices = scans.series()
    for number, ds in enumerate(slices):
        ds.KVP = "120" if number % 2 else "120.0"
        ds.RescaleSlope = "1" if number % 2 else "1.000000"
    scans.add("", slices)
    report = scans.run()
    check_exact(scans, scans.ramp)
    assert (report["irregularities"], report["unusual"]) == ({}, {})


def test_table_positions_that_follow_each_other_are_one_volume(scans):
    slices = scans.series()
    for number, ds in enumerate(slices):
        ds.AcquisitionNumber = 1 + number // 4
    scans.add("", slices)
    assert scans.run()["irregularities"] == {}
    check_exact(scans, scans.ramp)


@pytest.mark.parametrize("tags", [{}, {"PatientID": "patient-2", "StudyInstanceUID": "1.9"}])
def test_one_of_several_copies_of_a_scan_is_taken(scans, tags):
    """The stage validate would stop for the whole cohort."""
    scans.add("one", scans.series(3))
    scans.add("two", scans.series(4, scans.ramp, **tags))
    scans.add("three", scans.series(5))
    for _ in range(2):  # the second run has earlier results
        assert scans.run()["converted"] == 2
        check_exact(scans, scans.ramp, scans.scan(5))
        (entry,) = scans.excluded()
        assert entry["reason"] == "same_voxels"
        assert entry["detail"] == ("of another patient" if tags else "")


# --- what is no HU


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"RescaleType": "Z_EFF"}, "not_hu"),
        ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "MAT_SPECIFIC"]}, "not_hu"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "not_hu"),
        ({"RescaleSlope": 0}, "not_hu"),
        ({"RescaleIntercept": 24}, "not_hu"),  # 48 HU and more: no air
        ({"HighBit": 13}, "undecodable_pixels"),
        ({"PixelPaddingValue": None}, None),
    ],
)
def test_a_series_that_is_no_hu_is_rejected_alone(scans, tags, reason):
    scans.add("sound")
    scans.add("other", scans.series(4, **tags))
    report = scans.run({"max_rejected_share": 1.0})
    assert report["reasons"] == ({reason: 1} if reason else {})
    check_exact(scans, *[scans.scan(3), scans.scan(4)][: 1 if reason else 2])


def test_a_series_of_one_value_is_rejected(scans):
    scans.add("sound")
    scans.add(
        "flat", scans.series(4, Volume(np.full_like(scans.ramp.hu, -1000), scans.ramp.affine))
    )
    assert scans.run({"max_rejected_share": 1.0})["reasons"] == {"not_hu": 1}


def test_synthetic_scans_are_rejected_where_patients_are(scans):
    scans.add("", scans.series(SyntheticData="YES"))
    assert scans.run()["converted"] == 1  # v0 is artificial
    (scans.root / ".syda").mkdir(exist_ok=True)
    (scans.root / ".syda" / "key").write_text("5" * 64)
    scans.change({"data.artificial": []})
    with pytest.raises(CheckFailed, match="synthetic 1"):
        scans.run({"data.artificial": []})


def test_a_series_with_one_synthetic_image_is_synthetic(scans):
    (scans.root / ".syda").mkdir()
    (scans.root / ".syda" / "key").write_text("5" * 64)
    slices = scans.series(3, Volume(np.tile(body(0).hu, 3), np.diag([5.0, 5, 5, 1])))
    slices[-1].SyntheticData = "YES"
    scans.add("", slices)
    with pytest.raises(CheckFailed, match="synthetic 1"):
        scans.run({"data.artificial": []})


def test_an_intercept_that_is_applied_twice_is_no_hu(scans):
    """Without bone no tissue is left, and with bone it is not soft."""
    scans.add("sound", scans.series(3, body(0)))
    scans.add("dark", scans.series(4, body(0), RescaleIntercept=-2024))
    bone = body(0)
    bone.hu[28:36, 28:36] = 700
    scans.add("bone", scans.series(5, bone, RescaleIntercept=-2024))
    report = scans.run({"max_rejected_share": 1.0})
    assert report["reasons"] == {"not_hu": 2}
    check_exact(scans, body(0))


@pytest.mark.parametrize(("bits", "high"), [(12, 15), (13, 14), (12, 13)])
@pytest.mark.parametrize("signed", [0, 1])
def test_stored_values_in_upper_bits_are_shifted(scans, bits, high, signed):
    slices = scans.series()
    for ds in slices:
        stored = ds.pixel_array.astype(np.int32)  # HU + 1024
        ds.RescaleIntercept = -1024 + 512 * signed
        stored = (stored - 512 * signed) << (high + 1 - bits)
        ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, high, signed
        ds.PixelData = (stored & (2 ** (high + 1) - 1)).astype("<u2").tobytes()
    scans.add("", slices)
    assert scans.run()["reasons"] == {}
    check_exact(scans, scans.ramp)


# --- air and padding


def body(noise, seed=0):
    """Air around a body of 40 HU, 64 x 64 voxels of 5 mm, with noise."""
    hu = np.full((64, 64, 6), -1000)
    hu[16:48, 16:48] = 40
    hu = hu + np.rint(np.random.default_rng(seed).normal(0, noise, hu.shape))
    return Volume(hu.astype(np.int16), np.diag([5.0, 5, 5, 1]))


@pytest.mark.parametrize("noise", [40, 90])
def test_noise_of_air_is_no_fault(scans, noise):
    volume = body(noise)
    scans.add("", scans.series(3, volume))
    scans.run()
    (case,) = scans.cases()
    np.testing.assert_array_equal(
        scans.volume(case["case"]).hu[20:44, 20:44], volume.hu[20:44, 20:44]
    )
    assert case["source"]["irregularities"] == ["noisy_air"]
    assert case["source"]["clamped_share"] > 0.1


def test_noise_of_air_between_the_legs_and_in_the_bowel_is_no_fault(scans):
    volume = body(40)
    volume.hu[30:34, 16:48] -= 1040
    volume.hu[20:26, 28:36] -= 1040
    scans.add("", scans.series(3, volume))
    scans.run()
    assert scans.noted("irregularities") == [["noisy_air"]]


@pytest.mark.parametrize(
    ("index", "hu"),
    [
        (np.s_[24:40, 24:32], -1300),
        (np.s_[24:40:2, 24:40:2], -1200),
        (np.s_[24:40, 24:32], -2000),  # not padding
        (np.s_[24:40, 24:32], 5000),
        (np.s_[16:48, 30:34], -1050),  # streaks to the skin
        (np.s_[16:48, 30:32], -1100),
        (np.s_[16:48, 30:34], -1700),
    ],
)
def test_what_is_clamped_in_the_body_is_a_fault(scans, index, hu):
    volume = body(0)
    volume.hu[index] = hu
    scans.add("", scans.series(3, volume))
    with pytest.raises(CheckFailed, match="out_of_range 1"):
        scans.run()


def test_padding_that_is_air_is_air(scans):
    scans.add("", scans.series(3, body(0), PixelPaddingValue=24))  # -1000 HU
    scans.run()
    check_exact(scans, body(0))


def test_padding_that_is_water_stays_water(scans):
    volume = body(0)
    slices = scans.series(3, volume, RescaleIntercept=0, PixelPaddingValue=40)
    for ds in slices:
        ds.PixelData = (ds.pixel_array - 1024).astype("<i2").tobytes()
    scans.add("", slices)
    scans.run()
    assert scans.noted("unusual") == [["PixelPaddingValue"]]
    check_exact(scans, volume)


# --- geometry


@pytest.mark.parametrize(("step", "decimals"), [(0.625, 1), (1.25, 1), (2.5, 0), (1 / 3, 1)])
def test_rounded_positions_are_regular(scans, step, decimals):
    volume = body(0)
    slices = scans.series(3, Volume(np.repeat(volume.hu, 5, axis=2), volume.affine))
    for k, ds in enumerate(slices):
        ds.ImagePositionPatient = [-160, -160, f"{step * k:.{decimals}f}"]
    scans.add("", slices)
    assert scans.run({"select.min_length_mm": 0.0})["irregularities"] == {}
    (case,) = scans.case_ids()
    assert scans.volume(case).hu.shape[2] == 30
    assert scans.volume(case).spacing[2] == pytest.approx(step, rel=0.01)


@pytest.mark.parametrize("shift", [lambda k: 0.1 * (k % 2), lambda k: 0.15 * np.sin(k)])
def test_a_couch_that_sags_by_less_than_a_pixel_is_no_tilt(scans, shift):
    slices = scans.series()
    for k, ds in enumerate(slices):
        x, y, z = map(float, ds.ImagePositionPatient)
        ds.ImagePositionPatient = [x, y + shift(k), z]
    scans.add("", slices)
    assert scans.run()["irregularities"] == {}
    check_exact(scans, scans.ramp)


@pytest.mark.parametrize("jitter", [0.0, 0.1])
def test_a_distance_that_changes_once_is_named(scans, jitter):
    slices = scans.series()
    for k, ds in enumerate(slices):
        x, y, _ = ds.ImagePositionPatient
        z = 5 * k if k < 4 else 10 * k - 20
        ds.ImagePositionPatient = [x, y, z + jitter * (k % 3)]
    scans.add("", slices)
    with pytest.raises(CheckFailed, match="changing_slice_distance 1"):
        scans.run()


def test_a_scan_that_resample_would_refuse_is_excluded(scans):
    affine = scans.ramp.affine.copy()
    affine[2, 2] = 9.0
    long = Volume(np.tile(scans.ramp.hu, (1, 1, 22)), affine)  # 1.58 m
    scans.add("sound")
    scans.add("long", scans.series(4, long))
    assert scans.run()["converted"] == 1
    assert [entry["reason"] for entry in scans.excluded()] == ["too_large"]
    assert scans.run()["converted"] == 1  # the earlier result says the same
    assert [entry["reason"] for entry in scans.excluded()] == ["too_large"]


# --- files


def test_a_stray_image_is_left_out_and_counted(scans, capsys):
    scout = scans.series(3)[0]
    scout.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    scans.add("", [scout, *scans.series()])
    report = scans.run()
    check_exact(scans, scans.ramp)
    assert report["images_left_out"] == 1
    assert scans.noted("irregularities") == [["images_left_out"]]
    assert "1 images left out" in capsys.readouterr().err.splitlines()[-1]


def bare(ds):
    stream = io.BytesIO()
    del ds.file_meta
    pydicom.dcmwrite(stream, ds, implicit_vr=True, little_endian=True, enforce_file_format=False)
    return stream.getvalue()


def bare_explicit(ds):
    stream = io.BytesIO()
    del ds.file_meta
    pydicom.dcmwrite(stream, ds, implicit_vr=False, little_endian=True, enforce_file_format=False)
    return stream.getvalue()


def without_syntax(ds):
    """Preamble and File Meta Information, but no Transfer Syntax UID in it."""
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    whole = content(ds)
    meta = pydicom.dcmread(io.BytesIO(whole)).file_meta
    start = 144 + meta.FileMetaInformationGroupLength
    del meta.TransferSyntaxUID
    head = io.BytesIO()
    pydicom.filewriter.write_file_meta_info(head, meta, enforce_standard=False)
    return bytes(128) + b"DICM" + head.getvalue() + whole[start:]


def without(keyword):
    def change(ds):
        setattr(ds, keyword, "")
        return content(ds)

    return change


def without_samples(ds):
    del ds.SamplesPerPixel
    return content(ds)


def packed(pack):
    return lambda ds: pack.compress(content(ds))


def packed_bare(ds):
    return gzip.compress(bare(ds))


@pytest.mark.parametrize(
    "written",
    [
        bare,
        bare_explicit,
        without_syntax,
        without("SOPClassUID"),
        without("SOPInstanceUID"),
        without_samples,
        packed(gzip),
        packed(bz2),
        packed(lzma),
        packed_bare,
    ],
)
def test_files_with_little_around_the_pixels_are_read(scans, written):
    scans.raw.mkdir(parents=True)
    for number, ds in enumerate(scans.series()):
        (scans.raw / f"{number}.dcm").write_bytes(written(ds))
    assert scans.run()["files_ignored"] == {}
    check_exact(scans, scans.ramp)


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({"SOPClassUID": SecondaryCaptureImageStorage}, "not_ct_image 8"),
        ({"SeriesInstanceUID": ""}, "no_series_uid 8"),
    ],
)
def test_no_ct_series_says_what_was_found(scans, tags, found):
    scans.add("", scans.series(**tags))
    with pytest.raises(CheckFailed, match=rf"no CT series .* 8 other files \({found}\)"):
        scans.run()


def test_a_uid_for_each_slice_is_told(scans):
    slices = scans.series()
    for number, ds in enumerate(slices):
        ds.SeriesInstanceUID = f"1.2.9.{number}"
    scans.add("", slices)
    with pytest.raises(CheckFailed, match=r"8 series hold one image each: .* SeriesInstanceUID"):
        scans.run()


def test_the_last_line_counts_everything_that_is_no_case(scans, capsys):
    scans.add("sound")
    scans.add("short", scans.series(4)[:2])
    (scans.raw / "notes.txt").write_text("no DICOM")
    scans.run()
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith("0 rejected, 1 excluded, 1 files ignored (not_dicom 1)")


@pytest.mark.parametrize("written", [" patient-1", "patient-1 ", "patient-1\0", "\0patient-1"])
def test_blanks_around_an_identity_are_no_part_of_it(scans, written):
    """Two series of one patient, and a series whose slices differ in blanks."""
    scans.add("one", scans.series(3))
    mixed = scans.series(4, brighter(scans), PatientID=written)
    mixed[2].PatientID = "patient-1"
    scans.add("two", mixed)
    assert scans.run()["converted"] == 2
    assert len({case["patient"] for case in scans.cases()}) == 1


# --- links


def test_a_linked_file_is_read_and_a_linked_folder_stops_the_stage(scans, tmp_path):
    folder = scans.add("../../elsewhere")
    scans.raw.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        (scans.raw / file.name).symlink_to(file)
    scans.run()
    check_exact(scans, scans.ramp)
    (scans.raw / "MILLER").symlink_to(folder)
    with pytest.raises(UsageError, match="1 of the folders with scans are links") as fault:
        scans.run()
    assert "MILLER" not in str(fault.value)


def test_a_link_to_a_folder_above_does_not_loop(scans):
    (scans.add("a") / "loop").symlink_to(scans.raw)
    with pytest.raises(UsageError, match="are links"):
        scans.run()


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_cannot_be_read_is_not_skipped(scans, kind):
    folder = scans.add("a")
    if kind == "link":
        (folder / "MILLER.dcm").symlink_to(folder / "gone")
    else:
        os.mkfifo(folder / "MILLER.dcm")
    with pytest.raises(SydaError, match=r"leads nowhere|neither a file nor a folder") as fault:
        scans.run()
    assert "MILLER" not in str(fault.value)
