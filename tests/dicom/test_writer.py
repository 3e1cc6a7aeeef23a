import dataclasses
import hashlib

import numpy as np
import pydicom
import pytest

from syda.dicom.description import (
    AcquisitionParameters,
    Equipment,
    Patient,
    SeriesDescription,
    Storage,
    Study,
    SynthesizingEquipment,
)
from syda.dicom.writer import uid, write_series
from syda.types import Volume

ORIENTATIONS = {
    "HFS": [1, 0, 0, 0, 1, 0],
    "HFP": [-1, 0, 0, 0, -1, 0],
    "FFS": [-1, 0, 0, 0, 1, 0],
    "FFP": [1, 0, 0, 0, -1, 0],
}
"""What scanners write: the image stands still in the gantry, the patient is turned."""


def describe(position="HFS", storage=None, synthesized_by=None):
    return SeriesDescription(
        seed="series",
        number=3,
        description="TEST",
        image_type=("DERIVED", "SECONDARY", "AXIAL"),
        patient=Patient("TEST^ARTIFICIAL", "TEST-1", "F", 61),
        study=Study("study", "1", "TEST", "20000101"),
        equipment=Equipment("SYDA", "TEST", "1"),
        acquisition=AcquisitionParameters(position, thickness=5.0),
        storage=storage or Storage(intercept=-1024, signed=False, bits=12),
        synthesized_by=synthesized_by,
    )


def volume(turn=0.0):
    """5 x 4 x 3 voxels, all different, 2 x 3 x 5 mm, turned about z by ``turn`` degrees."""
    rng = np.random.default_rng(0)
    hu = rng.permutation(60).reshape(5, 4, 3).astype(np.int16) - 30
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) * (2.0, 3.0, 5.0)
    affine[:3, 3] = -7.25, 11.5, 100.125
    return Volume(hu, affine)


def voxels(files):
    """World position (RAS+ mm, rounded) to HU of every pixel, read by the standard's equation."""
    found = {}
    for file in files:
        image = pydicom.dcmread(file)
        row, column = np.reshape(image.ImageOrientationPatient, (2, 3)).astype(float)
        down, right = map(float, image.PixelSpacing)
        hu = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
        for r, c in np.ndindex(hu.shape):
            lps = np.array(image.ImagePositionPatient) + row * right * c + column * down * r
            found[tuple(np.round(lps * (-1, -1, 1), 6) + 0.0)] = hu[r, c]
    return found


@pytest.mark.parametrize("turn", [0.0, 7.0])
@pytest.mark.parametrize("position", ORIENTATIONS)
@pytest.mark.parametrize(
    "storage", [Storage(-1024, signed=False, bits=12), Storage(0, signed=True, bits=16)]
)
def test_every_voxel_has_its_position_and_value(tmp_path, position, storage, turn):
    source = volume(turn)
    found = voxels(write_series(tmp_path, source, describe(position, storage)))
    assert len(found) == source.hu.size
    for index in np.ndindex(source.hu.shape):
        position_mm = source.affine @ [*index, 1]
        assert found[tuple(np.round(position_mm[:3], 6) + 0.0)] == source.hu[index]


@pytest.mark.parametrize(("position", "orientation"), ORIENTATIONS.items())
def test_orientation_follows_the_patient_position(tmp_path, position, orientation):
    image = pydicom.dcmread(write_series(tmp_path, volume(), describe(position))[0])
    assert [float(v) for v in image.ImageOrientationPatient] == orientation
    assert image.PatientPosition == position
    assert [float(v) for v in image.PixelSpacing] == [3, 2]


def test_instance_numbers_run_from_the_top_down(tmp_path):
    images = [pydicom.dcmread(f) for f in write_series(tmp_path, volume(), describe())]
    assert [i.InstanceNumber for i in images] == [1, 2, 3]
    assert [float(i.ImagePositionPatient[2]) for i in images] == [110.125, 105.125, 100.125]


def test_uids_are_valid_distinct_and_follow_the_seeds(tmp_path):
    images = [pydicom.dcmread(f) for f in write_series(tmp_path, volume(), describe())]
    for image in images:
        assert image.SOPInstanceUID.is_valid
        assert image.SOPInstanceUID == image.file_meta.MediaStorageSOPInstanceUID
    assert len({i.SOPInstanceUID for i in images}) == 3
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert len({i[keyword].value for i in images}) == 1
    assert images[0].StudyInstanceUID == uid("study")
    digest = hashlib.sha256(b"study").hexdigest()
    assert uid("study") == f"2.25.{int(digest[:32], 16)}"  # PS3.5 B.2: 128 bits


def test_the_same_call_writes_the_same_bytes(tmp_path):
    once = write_series(tmp_path / "a", volume(), describe())
    again = write_series(tmp_path / "b", volume(), describe())
    assert [f.read_bytes() for f in once] == [f.read_bytes() for f in again]


def test_only_artificial_content_is_marked(tmp_path):
    plain = pydicom.dcmread(write_series(tmp_path / "a", volume(), describe())[0])
    assert "SyntheticData" not in plain
    maker = SynthesizingEquipment(Equipment("SYDA", "Test", "1"), "Made up.")
    marked = pydicom.dcmread(
        write_series(tmp_path / "b", volume(), describe(synthesized_by=maker))[0]
    )
    assert marked.SyntheticData == "YES"
    assert marked.DerivationDescription == "Made up."
    maker = marked.ContributingEquipmentSequence[0]
    assert maker.PurposeOfReferenceCodeSequence[0].CodeValue == "109100"


def test_hu_that_do_not_fit_are_refused(tmp_path):
    source = volume()
    source.hu[0, 0, 0] = -1025
    with pytest.raises(ValueError, match=r"HU -1025 to .* do not fit 12 bits"):
        write_series(tmp_path, source, describe())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "axes",
    [
        np.diag([-2.0, 3, 5, 1]),  # i to the left
        np.array([[0, 2.0, 0, 0], [3, 0, 0, 0], [0, 0, 5, 0], [0, 0, 0, 1]]),  # i to the front
        np.array([[2.0, 0, 0, 0], [0, 3, 2, 0], [0, 0, 5, 0], [0, 0, 0, 1]]),  # gantry tilt
    ],
)
def test_other_axes_are_refused(tmp_path, axes):
    with pytest.raises(ValueError, match="axes must"):
        write_series(tmp_path, dataclasses.replace(volume(), affine=axes), describe())


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_sparse_description_is_still_a_valid_ct_image(tmp_path, position, dicom3tools):
    source = describe(position)
    source = dataclasses.replace(source, patient=Patient("", ""))
    for file in write_series(tmp_path, volume(), source):
        done = dicom3tools("dciodvfy", file)
        assert done.returncode == 0, done.stderr.decode()
        assert b"Error" not in done.stderr
