"""A person planted wherever a scan can name one is found nowhere behind ``convert``.

Every text and number tag of the data dictionary, nested sequences, private tags, file meta,
preamble, trailing padding, UIDs, names of files, folders, archives and their members; series with
faults among them, so that errors speak too. What the stages write and say is then searched.
"""

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ComprehensiveSRStorage

from open_gate import OPEN_GATE
from syda import paths
from syda.types import Volume
from training_stages import stages

REPOSITORY = Path(__file__).parents[2]
NAME = "Canarymüller"
NUMBER = 73133719
"""Eight digits, as a date or the number of a patient has, in numbers and UIDs."""
TRACES = (b"CANARYM", b"73133719")

TEXT = {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"}
NUMBERS = {"DS", "IS"}
NEEDED = {
    "SpecificCharacterSet", "Modality", "PhotometricInterpretation", "ImageType", "RescaleType",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope",
    "RescaleIntercept", "NumberOfFrames", "GantryDetectorTilt", "VolumeBasedCalculationTechnique",
}  # fmt: skip
"""Tags without whose true value no series would come through."""

pytestmark = pytest.mark.slow

TINY = {
    "data.version": "mine",
    "convert.select.min_slices": 4,
    "convert.max_rejected_share": 1.0,
    "validate.min_cases_per_split": 1,
    "validate.min_std_hu": 1.0,
    "pack.holdout_share": 0.5,
}
TINIER = {
    "ct.size": 32,
    "model.start": "none",  # the cohort is not declared artificial, and has few patients
    "model.channels": [4, 4, 4, 4],
    "model.discriminator_channels": [4, 4, 4, 4],
    "train.stages": stages(16, side=32, coarse=4, fade=4, first=4),
    "train.log_images": 8,
    "train.pictures": 1,
    "evaluate.pairs": 10,
    "evaluate.bootstrap": 100,
    "evaluate.property_vectors": 4,
    "evaluate.seeds": 2,
    "generate.count": 4,
    "generate.export": 1,
    "generate.gate": OPEN_GATE,
}


def plant(ds, patient):
    """Put the person into one slice, wherever there is room."""
    ds.SpecificCharacterSet = "ISO_IR 192"
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if not keyword or keyword in NEEDED or tag >> 16 < 8:
            continue
        if vr in TEXT:
            ds.add_new(tag, vr, f"{NAME} {patient}"[: 16 if vr in {"AE", "CS", "SH"} else 64])
        elif vr in NUMBERS:
            ds.add_new(tag, vr, NUMBER)
    ds.PatientSex = "F"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", NAME]
    ds.StudyInstanceUID = f"1.2.{NUMBER}.{patient}"
    inner, middle = Dataset(), Dataset()
    inner.PatientName = inner.TextValue = NAME
    middle.ReferencedStudySequence = Sequence([inner])
    middle.RequestingPhysician = NAME
    ds.RequestAttributesSequence = Sequence([middle, inner])
    ds.OtherPatientIDsSequence = Sequence([middle])
    block = ds.private_block(0x0009, NAME.upper(), create=True)
    block.add_new(0x01, "LO", NAME)
    block.add_new(0x02, "UN", NAME.encode())
    block.add_new(0x03, "SQ", Sequence([inner]))
    ds.add_new(0xFFFCFFFC, "OB", NAME.encode())
    ds.file_meta.SourceApplicationEntityTitle = NAME
    ds.file_meta.ImplementationVersionName = NAME
    ds.file_meta.PrivateInformationCreatorUID = f"1.2.{NUMBER}"
    ds.file_meta.PrivateInformation = NAME.encode()
    ds.preamble = (NAME.encode() * 12)[:128]


def contents(slices):
    for ds in slices:
        stream = io.BytesIO()
        pydicom.dcmwrite(stream, ds, enforce_file_format=True)
        yield stream.getvalue()


@pytest.fixture(scope="module")
def series(as_slices):
    """Make the files of a patient's series: an ellipsoid of water in air, with some fat."""

    def make(patient, change=lambda slices: None):
        axes = np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in (28, 24, 12)), indexing="ij")
        radius = np.sqrt(sum(axis**2 for axis in axes))
        hu = np.where(radius < 0.8, 40, np.where(radius < 1, -90 - patient, -1000))
        affine = np.diag([5.0, 5.0, 10.0, 1.0])
        slices = as_slices(Volume(hu.astype(np.int16), affine), f"1.2.{NUMBER}.{patient}.1")
        for ds in slices:
            plant(ds, patient)
        change(slices)
        return list(contents(slices))

    return make


@pytest.fixture(scope="module")
def planted(tmp_path_factory, series):
    """A data version of six patients, five faulty series, and objects that are no scans."""
    folder = tmp_path_factory.mktemp("planted")
    with pydicom.config.disable_value_validation():  # anything may be written
        plant_all(folder / "mine" / NAME, series)
    return folder


def plant_all(raw, series):
    """Write that version into a folder."""
    for patient in range(4):
        write(raw / f"{NAME}^{patient}", series(patient))
    with zipfile.ZipFile(raw / f"{NAME}.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.comment = NAME.encode()
        for number, content in enumerate(series(4)):
            opened.writestr(f"{NAME}/{NAME}{number}.dcm", content)
    with tarfile.open(raw / f"{NAME}.tgz", "w:gz") as opened:
        for number, content in enumerate(series(5)):
            opened.addfile(entry(f"{NAME}/{number}", content), io.BytesIO(content))

    def hollow(slices):
        del slices[2].RescaleSlope

    def bent(slices):
        slices[2].PixelSpacing = [NUMBER, 2]

    def mixed(slices):
        slices[2].PatientID = NAME

    for patient, change in enumerate((hollow, bent, mixed), start=10):
        write(raw / change.__name__, series(patient, change))
    # a character set that there is not: pydicom's warning quotes it
    lettered = [content.replace(b"ISO_IR 192", b"CANARYMULL") for content in series(19, hollow)]
    write(raw / "lettered", lettered)
    cut = series(20)
    write(raw / "cut", [content[:-300] if n == 4 else content for n, content in enumerate(cut)])

    def report(slices):
        slices[0].SOPClassUID = slices[0].file_meta.MediaStorageSOPClassUID = ComprehensiveSRStorage

    odd = [series(30, report)[0], cut[0][:900], bytes(128) + b"DICM" + NAME.encode() * 99]
    write(raw / "odd", [*odd, NAME.encode(), b""])
    with zipfile.ZipFile(raw / f"{NAME}2.zip", "w") as opened:
        opened.writestr(f"../{NAME}", cut[0])
    with tarfile.open(raw / f"{NAME}.tar", "w") as opened:
        inside = io.BytesIO()
        with zipfile.ZipFile(inside, "w") as nested:
            nested.writestr(NAME, NAME)
        opened.addfile(entry(NAME, inside.getvalue()), io.BytesIO(inside.getvalue()))


@pytest.fixture
def root(workspace, planted):
    """A workspace with a copy of the planted version, for a test to work in."""
    root = workspace(TINY)
    shutil.copytree(planted, root / "data" / "raw")
    (root / ".syda").mkdir()
    (root / ".syda" / "key").write_text("5" * 64)
    return root


def entry(name, content):
    info = tarfile.TarInfo(name)
    info.size, info.uname = len(content), NAME
    return info


def write(folder, files):
    folder.mkdir(parents=True)
    for number, content in enumerate(files):
        (folder / f"{NAME}{number}.dcm").write_bytes(content)


def syda(root, *words, code=0, workers=1):
    """Run a command and search what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "syda", *words],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "SYDA_WORKERS": str(workers)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert not traces(done.stdout), words
    assert done.returncode == code, done.stdout.decode()
    return done.stdout.decode()


def traces(content):
    upper = content.upper()
    return [trace for trace in TRACES if trace in upper]


def unpacked(content):
    """The bytes of a file, and those that are compressed in it."""
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            yield from (opened.read(name) for name in opened.namelist())
    if content.startswith(b"\x89PNG"):
        yield from (zlib.decompress(d) for d in chunks(content, b"IDAT"))


def chunks(png, kind):
    at, joined = 8, b""
    while at < len(png):
        size = int.from_bytes(png[at : at + 4])
        joined += png[at + 8 : at + 8 + size] if png[at + 4 : at + 8] == kind else b""
        at += size + 12
    return [joined]


def found(root):
    """Files beside the raw ones that hold a trace in content or name.

    The local table of cases is there to lead to a patient: it lies beside the private key.
    """
    files = [
        file
        for file in root.rglob("*")
        if file.is_file()
        and (root / "data" / "raw") not in file.parents
        and file != root / paths.case_table("mine")
    ]
    assert len(files) > 10
    return [
        file
        for file in files
        if traces(str(file.relative_to(root)).encode())
        or any(traces(content) for content in unpacked(file.read_bytes()))
    ]


def test_the_search_finds_what_is_there(root, tmp_path):
    raw = [file for file in (root / "data" / "raw").rglob("*") if file.is_file()]
    assert len(raw) > 100
    for trace in TRACES:
        assert sum(trace in file.read_bytes().upper() for file in raw) > 50
    for number in range(10):
        (root / f"{number}").write_text("nothing")
    packed = root / "packed.nii.gz"
    packed.write_bytes(gzip.compress(NAME.encode()))
    with zipfile.ZipFile(root / "packed.npz", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("x", f"{NUMBER}" * 50)
    named = root / f"{NAME.lower()}.txt"
    named.touch()
    assert set(found(root)) == {packed, root / "packed.npz", named}


def data_half(root):
    """Convert to the packed records, with ``--debug``, which says most."""
    syda(root, "--debug", "convert", workers=2)
    report = (root / "reports" / "convert.json").read_text()
    assert '"converted": 6' in report
    for reason in ("undecodable_pixels", "missing_slices", "mixed_identity", "archive_path"):
        assert f'"{reason}"' in report
    assert '"archive_nested"' in report
    assert len([*(root / ".work" / "cases" / "convert").iterdir()]) > 6  # searched as well
    for stage in (("resample",), ("validate", "resampled"), ("pack",), ("validate", "records")):
        syda(root, "--debug", *stage)


def test_no_trace_up_to_the_records(root, workspace):
    data_half(root)
    syda(root, "convert", workers=2)
    assert found(root) == []

    workspace(TINY | {"convert.max_rejected_share": 0.0})
    assert "convert.max_rejected_share" in syda(root, "--debug", "convert", code=1)
    syda(root, "convert", code=1)
    workspace(TINY | {"convert.select.min_slices": 99})
    assert "could be converted" in syda(root, "--debug", "convert", code=1)
    (root / ".syda" / "key").unlink()
    syda(root, "--debug", "convert", code=2)
    assert found(root) == []


@pytest.mark.exhaustive
def test_no_trace_up_to_the_card(root, workspace):
    workspace(TINY | TINIER)
    data_half(root)
    (root / "model_card").mkdir()
    (root / paths.RELEASES).mkdir()
    (root / paths.SOURCES).mkdir()
    written = (paths.DECLARED, paths.SIGNOFFS, paths.POLICY)
    phantoms = (paths.manifest("phantom", version) for version in ("v0", "v1"))
    for name in (*written, *phantoms, paths.LOCK, paths.PROJECT):  # as a clone has them
        (root / name).write_bytes((REPOSITORY / name).read_bytes())
    stages = "train", "generate", "validate synthetic", "evaluate", "gallery", "card"
    for stage in stages:
        syda(root, "--debug", *stage.split())
    assert (root / "model_card" / "model_card.md").is_file()
    assert found(root) == []
