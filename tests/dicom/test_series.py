import errno

import numpy as np
import pytest
from pydicom.uid import MRImageStorage

from syda.dicom import series
from syda.dicom.plane import CTSlice
from syda.dicom.reject import InputRejected, Reason


def test_shuffled_slices_come_back_as_the_volume_they_were(ramp, as_slices, as_volume):
    slices = as_slices(ramp)
    shuffled = [slices[i] for i in np.random.default_rng(0).permutation(len(slices))]
    for number, ds in enumerate(shuffled):
        ds.InstanceNumber = number  # wrong on purpose
    back = as_volume(shuffled)
    np.testing.assert_allclose(back.affine, ramp.affine, atol=1e-9)
    np.testing.assert_array_equal(back.hu, ramp.hu)


def test_files_that_are_no_ct_slice_say_why(tmp_path, ramp, as_slices, save_slices):
    good, localizer, mr, nameless = as_slices(ramp)[:4]
    localizer.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    mr.SOPClassUID = mr.file_meta.MediaStorageSOPClassUID = MRImageStorage
    nameless.SeriesInstanceUID = ""
    folder = save_slices(tmp_path, [good, localizer, mr, nameless])
    (folder / "text").write_text("not DICOM")
    (folder / "empty").touch()
    (folder / "cut").write_bytes((folder / "0000").read_bytes()[:150])

    assert series.series_uid(folder / "0000") == "1.2.3"
    expected = {
        "0001": Reason.LOCALIZER,
        "0002": Reason.NOT_CT_IMAGE,
        "0003": Reason.NO_SERIES_UID,
        "text": Reason.NOT_DICOM,
        "empty": Reason.NOT_DICOM,
        "cut": Reason.NOT_DICOM,
    }
    for name, reason in expected.items():
        with pytest.raises(InputRejected) as fault:
            series.series_uid(folder / name)
        assert fault.value.reason is reason, name


def test_read_slices_reads_pixels(tmp_path, ramp, as_slices, save_slices):
    folder = save_slices(tmp_path, as_slices(ramp))
    (found,) = series.read_slices([folder / "0000"])
    assert found.source.pixel_array.shape == (ramp.hu.shape[1], ramp.hu.shape[0])


def test_several_frames_without_functional_groups_are_rejected(
    tmp_path, ramp, as_slices, save_slices
):
    ds = as_slices(ramp)[0]
    ds.NumberOfFrames, ds.PixelData = 2, ds.PixelData * 2
    with pytest.raises(InputRejected, match="undecodable_pixels: more than one frame"):
        series.read_slices([save_slices(tmp_path, [ds]) / "0000"])


@pytest.mark.parametrize(
    ("patients", "studies", "result"),
    [
        (["p1", "p1"], ["1", "1"], "p1"),
        (["", ""], ["1", "1"], "1"),
        (["p1", "p2"], ["1", "1"], "mixed_identity: PatientID"),
        (["p1", "p1"], ["1", "2"], "mixed_identity: StudyInstanceUID"),
        (["", ""], ["1", "2"], "mixed_identity: StudyInstanceUID"),
        (["", ""], ["", ""], "missing_attribute: PatientID and StudyInstanceUID"),
        ([], [], "missing_attribute: PatientID and StudyInstanceUID"),  # scout frames alone
    ],
)
def test_a_series_has_one_patient(ramp, as_slices, patients, studies, result):
    slices = [CTSlice(ds, ds) for ds in as_slices(ramp)[: len(patients)]]
    for one, patient, study in zip(slices, patients, studies, strict=True):
        one.header.PatientID, one.header.StudyInstanceUID = patient, study
    if ":" not in result:
        assert series.patient_id(slices) == result
    else:
        with pytest.raises(InputRejected, match=result):
            series.patient_id(slices)


def test_a_disk_that_fails_is_not_taken_for_a_damaged_file(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(series.pydicom, "dcmread", broken)
    for read in (series.series_uid, lambda path: series.read_slices([path])):
        with pytest.raises(OSError, match="Input/output error"):
            read(tmp_path / "slice")
