"""Nothing that may show a patient, and no weights, under whatever name or wrapping."""

import bz2
import gzip
import io
import lzma
import pickle
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from safetensors.numpy import save as save_safetensors

from syda.records import tfrecord

SCRIPT = Path(__file__).parents[2] / ".ci/refuse_data.py"


@pytest.fixture(scope="module")
def refuse(script):
    return script("refuse_data")


def zipped(name, data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README", "first")
        archive.writestr(name, data)
    return buffer.getvalue()


def tarred(name, data):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, content in (("README", b"first" * 1000), (name, data)):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def saved(write):
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


@pytest.fixture
def dicom(make_slice):
    """A DICOM file as bytes: (transfer syntax, with its preamble and meta group or without)."""

    def write(syntax=ExplicitVRLittleEndian, *, bare=False):
        ds = make_slice(np.zeros((4, 4), np.int16), (0.0, 0.0, 0.0))
        ds.file_meta.TransferSyntaxUID = syntax
        if bare:
            del ds.file_meta
        order = {"little_endian": syntax != ExplicitVRBigEndian}
        kind = {"implicit_vr": syntax == ImplicitVRLittleEndian, **order} if bare else {}
        return saved(lambda b: pydicom.dcmwrite(b, ds, enforce_file_format=not bare, **kind))

    return write


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_dicom_with_and_without_its_header(refuse, dicom, syntax):
    assert refuse.kind(dicom(syntax)) == "DICOM (DICM at byte 128)"
    assert refuse.kind(dicom(syntax, bare=True)) == "DICOM (a data set without header)"
    assert refuse.kind(dicom(syntax)[128:]) == "DICOM (DICM at byte 0)"
    assert refuse.kind(dicom(syntax)[132:]) == "DICOM (a data set without header)"  # meta group


VOXELS = np.arange(27, dtype=np.int16).reshape(3, 3, 3)


def nifti(image_class):
    return image_class(VOXELS, np.eye(4)).to_bytes()


def header(image_class):
    return saved(image_class(VOXELS, np.eye(4)).header.write_to)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (nifti(nib.Nifti1Image), "NIfTI-1"),
        (header(nib.Nifti1Pair), "NIfTI-1"),
        (nifti(nib.Nifti2Image), "NIfTI-2"),
        (header(nib.AnalyzeImage), "Analyze 7.5"),
        (tfrecord.frame(b"a record"), "TFRecords"),
        (tfrecord.frame(b"") + tfrecord.frame(b"more"), "TFRecords"),
        (save_safetensors({"w": VOXELS}), "safetensors weights"),
        (saved(lambda b: torch.save({"w": torch.zeros(3)}, b)), "a pickle (weights) in zip:"),
        (
            saved(lambda b: torch.save([1], b, _use_new_zipfile_serialization=False)),
            "a pickle (weights)",
        ),
        (pickle.dumps({"w": 1}), "a pickle (weights)"),
        (b"\x08\x08\x12\x07pytorch\x1a\x061.12.0:\x04", "ONNX weights"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "an HDF5 file"),
        (saved(lambda b: np.save(b, np.zeros(20_000))), "a NumPy array of 160,128 bytes"),
        (saved(lambda b: np.savez(b, x=np.zeros(20_000))), "a NumPy array of 160,128 bytes in zip"),
        (zipped("scan.nrrd", b"NRRD0004"), "a medical image by its name in zip: scan.nrrd"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "an archive that cannot be looked into"),
    ],
)
def test_what_is_refused_by_its_content(refuse, data, found):
    assert refuse.kind(data).startswith(found)
    assert refuse.verdict("notes.txt", len(data), data) == refuse.kind(data)


@pytest.mark.parametrize(
    ("pack", "title"),
    [
        (gzip.compress, "gzip"),
        (bz2.compress, "bzip2"),
        (lzma.compress, "xz"),
        (lambda data: zipped("deep/a", data), "zip: deep/a"),
        (lambda data: tarred("deep/a", data), "tar: deep/a"),
        (lambda data: lzma.compress(tarred("a", data)), "tar: a in xz"),
        (lambda data: zipped("a", gzip.compress(data, mtime=0)), "gzip in zip: a"),
    ],
    ids=["gzip", "bzip2", "xz", "zip", "tar", "tar.xz", "gzip in zip"],
)
def test_packed_data_is_found(refuse, dicom, pack, title):
    assert refuse.kind(pack(nifti(nib.Nifti1Image))) == f"NIfTI-1 in {title}"
    assert refuse.kind(pack(dicom())) == f"DICOM (DICM at byte 128) in {title}"
    assert refuse.kind(pack(b"harmless text " * 100)) is None


def test_an_encrypted_or_deep_archive_is_refused(refuse):
    data = bytearray(zipped("a", b"text"))
    for entry in (b"PK\3\4", b"PK\1\2"):  # flag bit 0 of each local and central header
        at = data.find(entry)
        while at >= 0:
            data[at + (6 if entry == b"PK\3\4" else 8)] |= 1
            at = data.find(entry, at + 1)
    assert refuse.kind(bytes(data)) == "an archive that cannot be looked into in zip: README"
    nested = b"text"
    for _ in range(6):
        nested = gzip.compress(nested, mtime=0)
    assert refuse.kind(nested).startswith("archives within archives")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a/scan.DCM", "DICOM"),
        ("DICOMDIR", "DICOM"),
        ("scan.nii.gz", "NIfTI"),
        ("scan.nii", "NIfTI"),
        ("scan.mha", "a medical image"),
        ("train-00000.tfrecord", "TFRecords"),
        ("g.safetensors", "weights"),
        ("last.ckpt", "weights"),
        ("g.PT", "weights"),
        ("g.pth", "weights"),
        ("g.onnx", "weights"),
    ],
)
def test_what_is_refused_by_its_name(refuse, name, found):
    assert refuse.verdict(name, 4, b"text") == f"{found} by its name"
    assert refuse.verdict(f"{name}.dvc", 4, b"text") is None  # DVC's pointer


def test_size(refuse):
    assert refuse.verdict("a.txt", refuse.LARGEST, b"x" * 10) is None
    assert refuse.verdict("a.txt", 6_200_000, b"x" * 10) == "6.2 MB, more than 5 MB"
    assert refuse.verdict("a.npz", 120_000, b"x") == "a NumPy file of 120,000 bytes"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08",
        b"\x08\x00\x05\x00",
        b"text of a page\n" * 100,
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        gzip.compress(b"text", mtime=0),
        gzip.compress(b"text" * 1000, mtime=0)[:20],  # cut off
        b"PK\3\4 not a zip",
        b'{"json": 1}',
        np.arange(8, 800, dtype="<i4").tobytes(),
        saved(lambda b: np.save(b, np.zeros(10))),
        saved(lambda b: np.savez(b, x=np.zeros(10))),
    ],
)
def test_what_is_let_through(refuse, data):
    assert refuse.verdict("known_answer.bin", len(data), data) is None


def test_the_one_known_file_is_let_through_where_it_belongs_and_as_it_is(refuse, repository):
    assert list(refuse.ALLOWED) == ["tests/records/data/tensorflow.tfrecord"]
    (name,) = refuse.ALLOWED
    data = (repository / name).read_bytes()
    assert refuse.verdict(name, len(data), data) is None
    assert refuse.verdict("tests/records/data/other.bin", len(data), data) == "TFRecords"
    assert refuse.verdict(name, len(data) + 16, data + tfrecord.frame(b"")) == "TFRecords"


def run(root, *names):
    done = subprocess.run(
        [sys.executable, SCRIPT, *names],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_one_line_a_file_says_what_where_and_what_to_do(repo, dicom):
    repo.add("README.md", "hello")
    repo.add("docs/my notes.txt", dicom())
    repo.add("big.txt", b"x" * 5_000_001)
    code, out, _ = run(repo.root)
    assert code == 1
    assert out.splitlines() == [
        "big.txt: 5.0 MB, more than 5 MB: `git rm --cached big.txt`, then `dvc add big.txt`",
        "'docs/my notes.txt': DICOM (DICM at byte 128): `git rm --cached 'docs/my notes.txt'`, "
        "then `dvc add 'docs/my notes.txt'`",
        "3 files checked, 2 refused",
    ]
    assert run(repo.root, "README.md") == (0, "1 files checked, 0 refused\n", "")
    repo.git("rm", "-q", "--cached", "big.txt", "docs/my notes.txt")
    assert run(repo.root) == (0, "1 files checked, 0 refused\n", "")


def test_the_staged_bytes_count_not_those_on_disk(repo, dicom):
    repo.add("a.txt", dicom()).write_text("harmless now")
    repo.add("b.txt", "harmless").write_bytes(dicom())
    repo.add("c.txt", dicom()).unlink()
    code, out, _ = run(repo.root)
    assert code == 1
    assert [line.split(":")[0] for line in out.splitlines()[:-1]] == ["a.txt", "c.txt"]


def test_links_are_not_followed(repo, dicom, tmp_path):
    (tmp_path / "scan").write_bytes(dicom())
    (repo.root / "link.dcm").symlink_to(tmp_path / "scan")
    repo.git("add", "link.dcm")
    assert run(repo.root) == (0, "0 files checked, 0 refused\n", "")


def test_outside_git_it_says_so(tmp_path):
    code, out, err = run(tmp_path)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == "refuse_data: git cannot list the files: run it in a clone"


def test_this_repository_holds_none(repository):
    code, out, _ = run(repository)
    assert code == 0, out
