import os
import tarfile
import zipfile

import pytest

from syda.dicom import archive, intake
from syda.dicom.reject import Reason
from syda.errors import SydaError

LIMITS = archive.Limits(10, 1_000_000, 1_000_000, 1000.0)


def zipped(path, **files):
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return path


def test_files_are_found_in_every_folder_in_order(tmp_path):
    for name in ("b/x/2", "a", "b/1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [file.relative_to(tmp_path).as_posix() for file in intake.files(tmp_path)]
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
        intake.files(tmp_path)


def test_a_refused_archive_leaves_nothing(tmp_path):
    path = zipped(tmp_path / "z", fine=b"1", large=bytes(2_000_000))
    (refusal,) = intake.open_archive(intake.Opening(path, tmp_path / "out", LIMITS))
    assert refusal.reason is Reason.ARCHIVE_TOO_LARGE
    assert len(refusal.sha256) == 64
    assert not (tmp_path / "out").exists()


def test_an_archive_inside_is_left_out_and_its_neighbours_are_read(tmp_path):
    inner = zipped(tmp_path / "inner", a=b"1")
    with tarfile.open(tmp_path / "t", "w:xz") as opened:
        opened.add(inner, "inner")
        opened.add(inner, "again")
    inner.write_bytes(b"beside")
    with tarfile.open(tmp_path / "u", "w:gz") as opened:
        opened.add(tmp_path / "t", "t")
        opened.add(inner, "beside")
    refused = intake.open_archive(intake.Opening(tmp_path / "u", tmp_path / "out", LIMITS))
    assert [refusal.reason for refusal in refused] == [Reason.ARCHIVE_NESTED]
    assert [file.read_bytes() for file in (tmp_path / "out").iterdir()] == [b"beside"]


def test_an_unreadable_file_is_told_without_its_name(tmp_path):
    name = str(tmp_path / "raw" / "MILLER" / "1.dcm")
    with (
        pytest.raises(SydaError, match=r"a file or folder in data/raw/v2 .*Permission") as fault,
        intake.unnamed(tmp_path / "raw", "data/raw/v2"),
    ):
        raise PermissionError(13, "Permission denied", name)
    assert fault.value.__suppress_context__  # --debug does not show the first error either
    assert "MILLER" not in str(fault.value)
    with pytest.raises(PermissionError), intake.unnamed(tmp_path / "raw", "data/raw/v2"):
        raise PermissionError(13, "Permission denied", str(tmp_path / "reports"))
