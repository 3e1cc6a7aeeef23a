import os
import tarfile
import zipfile

import pytest

from syda.dicom import intake
from syda.dicom.config import ArchiveParams
from syda.dicom.reject import Reason
from syda.errors import SydaError

LIMITS = ArchiveParams(max_members=10, max_file_mb=1.0, max_total_mb=1.0, max_ratio=1000.0)


def zipped(path, **files):
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return path


def test_files_are_found_in_every_folder_in_order(tmp_path):
    for name in ("b/x/2", "a", "b/1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [file.relative_to(tmp_path).as_posix() for file in intake.list_files(tmp_path)]
    assert found == ["a", "b/1", "b/x/2"]


def test_a_folder_that_cannot_be_listed_is_no_empty_folder(tmp_path, monkeypatch):
    (tmp_path / "shut").mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        intake.list_files(tmp_path)


def test_a_rejected_archive_leaves_nothing(tmp_path):
    path = zipped(tmp_path / "z", fine=b"1", large=bytes(2_000_000))
    (rejection,) = intake.unpack_archive(intake.UnpackTask(path, tmp_path / "out", LIMITS))
    assert rejection.reason is Reason.ARCHIVE_TOO_LARGE
    assert len(rejection.sha256) == 64
    assert not (tmp_path / "out").exists()


def test_an_archive_inside_is_left_out_and_its_neighbours_are_read(tmp_path):
    inner = zipped(tmp_path / "inner", a=b"1")
    with tarfile.open(tmp_path / "t", "w:xz") as opened:
        opened.add(inner, "inner")
        opened.add(inner, "again")
    inner.write_bytes(b"neighbour")
    with tarfile.open(tmp_path / "u", "w:gz") as opened:
        opened.add(tmp_path / "t", "t")
        opened.add(inner, "neighbour")
    rejected = intake.unpack_archive(intake.UnpackTask(tmp_path / "u", tmp_path / "out", LIMITS))
    assert [rejection.reason for rejection in rejected] == [Reason.ARCHIVE_NESTED]
    assert [file.read_bytes() for file in (tmp_path / "out").iterdir()] == [b"neighbour"]


def test_an_unreadable_file_is_reported_without_its_name(tmp_path):
    name = str(tmp_path / "raw" / "MILLER" / "1.dcm")
    with (
        pytest.raises(SydaError, match=r"a file or folder in data/raw/v2 .*Permission") as fault,
        intake.names_hidden(tmp_path / "raw", "data/raw/v2"),
    ):
        raise PermissionError(13, "Permission denied", name)
    assert fault.value.__suppress_context__  # --debug does not show the first error either
    assert "MILLER" not in str(fault.value)
    with pytest.raises(PermissionError), intake.names_hidden(tmp_path / "raw", "data/raw/v2"):
        raise PermissionError(13, "Permission denied", str(tmp_path / "reports"))
