"""Archives that are read, and each way in which one can do harm."""

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from syda.dicom import archive
from syda.dicom.config import ArchiveParams
from syda.dicom.reject import InputRejected, Reason

FILES = {"a/one.dcm": b"one" * 1000, "a/b/two": bytes(range(256)) * 40, "empty": b""}
LIMITS = ArchiveParams(max_members=100, max_file_mb=10.0, max_total_mb=20.0, max_ratio=10_000.0)
TARS = {"tar": "", "tar.gz": "gz", "tar.bz2": "bz2", "tar.xz": "xz"}
KINDS = ["zip", *TARS]


def member(name, content=b"", **change):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in change.items():
        setattr(info, key, value)
    return info, content


def tar(path, members, compression="", style=tarfile.PAX_FORMAT):
    with tarfile.open(path, f"w:{compression}", format=style) as opened:
        for info, content in members:
            opened.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for info, content in entries:
            opened.writestr(info, content)
    return path


def make(path, kind, files):
    if kind == "zip":
        return zipped(path, files.items())
    return tar(path, [member(name, content) for name, content in files.items()], TARS[kind])


def reason(path, folder, limits=LIMITS):
    with pytest.raises(InputRejected) as fault:
        archive.unpack(path, folder, limits)
    return fault.value.reason


@pytest.fixture
def into(tmp_path):
    return tmp_path / "unpacked"


@pytest.mark.parametrize("kind", KINDS)
def test_files_come_out_whole_under_numbers_whatever_the_archive_is_called(tmp_path, into, kind):
    path = make(tmp_path / "a name without an ending", kind, FILES)
    assert archive.is_archive(path)
    archive.unpack(path, into, LIMITS)
    found = sorted(into.iterdir())
    assert [file.read_bytes() for file in found] == list(FILES.values())
    assert all(file.name.isdigit() for file in found)


@pytest.mark.parametrize(
    "head",
    [b"7z\xbc\xaf\x27\x1c\x00", b"Rar!\x1a\x07\x01", b"\x28\xb5\x2f\xfd\x24", b"\x1f\x9d\x90"],
)
def test_an_archive_of_an_unsupported_kind_is_named(tmp_path, into, head):
    path = tmp_path / "a"
    path.write_bytes(head + bytes(600))
    assert archive.is_archive(path)
    assert reason(path, into) is Reason.ARCHIVE_UNREADABLE


@pytest.mark.parametrize("style", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_tar_format_folders_and_long_names(tmp_path, into, style):
    folder, _ = member("scans/", type=tarfile.DIRTYPE)
    long = "/".join(["scans" * 6] * 3) + "/" + "x" * 90
    path = tar(tmp_path / "t", [(folder, b""), member(long, b"content")], style=style)
    archive.unpack(path, into, LIMITS)
    assert [file.read_bytes() for file in into.iterdir()] == [b"content"]


def test_zip_folders_make_no_file(tmp_path, into):
    path = zipped(tmp_path / "z", [("scans/", b""), ("scans/one", b"content")])
    archive.unpack(path, into, LIMITS)
    assert [file.read_bytes() for file in into.iterdir()] == [b"content"]


def test_what_is_no_archive(tmp_path):
    contents = {
        "empty": b"",
        "text": b"no archive",
        "zeros": bytes(10240),
        "gzipped": gzip.compress(b"a NIfTI, say" * 100),
        "cut": gzip.compress(bytes(10000))[:12],
        "gzip magic": b"\x1f\x8b" + bytes(100),
        "preamble": b"PK\x03\x04" + bytes(124) + b"DICM",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert not archive.is_archive(tmp_path / name), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    ["../out", "a/../../out", "/etc/out", "a\\..\\..\\out", "C:\\out", "C:out", "\\\\h\\s\\x"],
)
def test_a_path_that_leads_out_is_refused_and_nothing_is_written_outside(tmp_path, kind, name):
    into = tmp_path / "one" / "two"
    path = make(tmp_path / "hostile", kind, {"fine": b"1", name: b"2"})
    assert reason(path, into) is Reason.ARCHIVE_PATH
    assert {file.name for file in tmp_path.rglob("*")} == {"hostile", "one", "two", "00000001"}


SPECIAL = {
    "symbolic link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "pipe": tarfile.FIFOTYPE,
}


@pytest.mark.parametrize("type_", SPECIAL.values(), ids=SPECIAL)
def test_links_and_devices_in_a_tar_are_refused(tmp_path, into, type_):
    link = member("x", type=type_, linkname="/etc/passwd")
    path = tar(tmp_path / "hostile", [member("fine", b"1"), link], "gz")
    assert reason(path, into) is Reason.ARCHIVE_SPECIAL


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_refused(tmp_path, into, mode):
    info = zipfile.ZipInfo("x")
    info.external_attr = (mode | 0o644) << 16
    path = zipped(tmp_path / "hostile", [("fine", b"1"), (info, b"/etc/passwd")])
    assert reason(path, into) is Reason.ARCHIVE_SPECIAL


def test_a_sparse_file_is_refused(tmp_path, into):
    """A terabyte of holes in one block of archive (GNU sparse format 1.0)."""
    info, content = member("x", b"1\n0\n1\n".ljust(512, b"\0") + b"!")
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "x",
        "GNU.sparse.realsize": "100",
    }
    path = tar(tmp_path / "hostile", [(info, content)])
    assert reason(path, into) is Reason.ARCHIVE_SPECIAL


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "limit", [{"max_members": 2}, {"max_file_mb": 0.009}, {"max_total_mb": 0.013}]
)
def test_too_much_is_refused(tmp_path, into, kind, limit):
    path = make(tmp_path / "large", kind, FILES)
    assert reason(path, into, LIMITS.model_copy(update=limit)) is Reason.ARCHIVE_TOO_LARGE


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_bomb_is_refused_before_it_is_on_the_disk(tmp_path, into, kind):
    path = make(tmp_path / "bomb", kind, {"zeros": bytes(5_000_000)})
    limits = LIMITS.model_copy(update={"max_ratio": 100.0})
    assert reason(path, into, limits) is Reason.ARCHIVE_TOO_LARGE
    assert sum(f.stat().st_size for f in into.iterdir()) <= 100 * path.stat().st_size


def test_overlapping_members_count_each(tmp_path, into):
    """Many entries of one zip directory may share their data."""
    path = zipped(tmp_path / "bomb", [("a", bytes(100_000))])
    with zipfile.ZipFile(path, "a") as opened:
        first = opened.infolist()[0]
        for number in range(50):
            again = zipfile.ZipInfo(f"{number}")
            for key in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(again, key, getattr(first, key))
            opened.filelist.append(again)
        opened._didModify = True
    limits = LIMITS.model_copy(update={"max_ratio": 500.0})
    assert reason(path, into, limits) is Reason.ARCHIVE_TOO_LARGE
    assert list(into.iterdir()) == []


def test_a_tar_with_endless_headers_is_refused(tmp_path, into):
    info, content = member("x", b"1", pax_headers={"comment": "x" * 3_000_000})
    path = tar(tmp_path / "bomb", [(info, content)], "gz")
    assert reason(path, into) is Reason.ARCHIVE_TOO_LARGE


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_archive_is_unreadable_wherever_it_is_cut(tmp_path, kind):
    content = make(tmp_path / "whole", kind, FILES).read_bytes()
    cut = tmp_path / "cut"
    step = max(1, len(content) // 60)
    end = len(content) - 1 if kind != "tar" else 3 * 512 + 3072 + 10240  # then zeros
    for length in range(1, end, step):
        cut.write_bytes(content[:length])
        if archive.is_archive(cut):  # else it is not even recognised, and counted as no DICOM
            assert reason(cut, tmp_path / f"{length}") is Reason.ARCHIVE_UNREADABLE


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_an_altered_archive_never_gives_other_bytes(tmp_path, kind):
    """Each of these has a checksum over its content; a plain tar has none."""
    content = make(tmp_path / "whole", kind, FILES).read_bytes()
    altered = tmp_path / "altered"
    for position in range(0, len(content), max(1, len(content) // 150)):
        spoilt = bytearray(content)
        spoilt[position] ^= 0x10
        altered.write_bytes(spoilt)
        into = tmp_path / f"{position}"
        if not archive.is_archive(altered):
            continue
        try:
            archive.unpack(altered, into, LIMITS)
        except InputRejected:
            continue
        assert {f.read_bytes() for f in into.iterdir()} <= set(FILES.values()), position


def test_a_damaged_header_does_not_end_a_tar_in_silence(tmp_path, into):
    path = tar(tmp_path / "t", [member("one", b"1"), member("two", b"2"), member("three", b"3")])
    content = bytearray(path.read_bytes())
    content[1024 + 150] ^= 1  # in the checksum of the second header
    path.write_bytes(content)
    assert reason(path, into) is Reason.ARCHIVE_UNREADABLE


def test_a_second_tar_behind_the_first_is_not_passed_over(tmp_path, into):
    path = tar(tmp_path / "t", [member("one", b"1")])
    path.write_bytes(path.read_bytes() * 2)
    assert reason(path, into) is Reason.ARCHIVE_UNREADABLE


def test_an_encrypted_zip_is_unreadable(tmp_path, into):
    path = zipped(tmp_path / "z", [("a", b"1")])
    content = bytearray(path.read_bytes())
    content[6] |= 1  # general purpose flag of the local header, and of the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert reason(path, into) is Reason.ARCHIVE_UNREADABLE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full: not Linux")
def test_a_full_disk_is_no_damaged_archive(tmp_path, into, monkeypatch):
    path = make(tmp_path / "t", "tar.gz", FILES)
    whole = Path.open

    def full(file, mode="r"):
        return whole(Path("/dev/full"), "wb", buffering=0) if mode == "xb" else whole(file, mode)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space"):
        archive.unpack(path, into, LIMITS)
