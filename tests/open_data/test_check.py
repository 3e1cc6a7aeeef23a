import numpy as np
import pydicom
import pytest

from syda.open_data.check import dicom_fault


@pytest.fixture
def instance(make_slice, tmp_path):
    file = tmp_path / "a.dcm"
    ds = make_slice(np.zeros((8, 8)), (0, 0, 0))
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    return file


def test_a_whole_instance_has_no_fault(instance):
    assert dicom_fault(instance, "1.2.3") == ""


def test_each_truncation_is_a_fault(instance):
    data = instance.read_bytes()
    for length in range(len(data)):
        instance.write_bytes(data[:length])
        assert dicom_fault(instance, "1.2.3"), length


def test_another_series_is_a_fault(instance):
    assert dicom_fault(instance, "1.2.4") == "has another SeriesInstanceUID than the list"


def test_what_is_no_dicom_is_a_fault(instance):
    instance.write_bytes(b"<Error>SlowDown</Error>" * 40)
    assert dicom_fault(instance, "1.2.3").startswith("cannot be parsed as DICOM")
