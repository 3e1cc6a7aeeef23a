"""Fixtures that several packages share: a small known volume, and DICOM series of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

import changed_params
from chromium import Chromium
from syda import params
from syda.dicom.config import ConvertParams
from syda.params import CtParams
from syda.records import schema, writer
from syda.records.config import PackParams
from syda.types import Case, Properties, Volume

REPOSITORY = Path(__file__).parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Forget the job of SLURM that the tests may run in: each would be taken for a part of it.

    GPUs are shown to the tests marked gpu alone: bytes are only the same on a CPU.
    """
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    for name in [name for name in os.environ if name.startswith("SLURM")]:
        del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests first, so that processes that share the tests end together."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def repository() -> Path:
    """The root of the checkout under test."""
    return REPOSITORY


@pytest.fixture(scope="session")
def dicom3tools() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run ``dciodvfy`` or ``dcentvfy``, of the extra ``dev``, on files."""

    def run(program: str, *files: Path) -> subprocess.CompletedProcess[bytes]:
        command = [Path(sys.executable).with_name(program), *files]
        return subprocess.run(command, capture_output=True, check=False)

    return run


@pytest.fixture
def ramp() -> Volume:
    """HU = 3x + 5y + 7z (RAS+ mm, rounded): every voxel can be checked against its own affine."""
    affine = np.array([[2.0, 0, 0, -11], [0, 1.5, 0, -7], [0, 0, 5.0, 20], [0, 0, 0, 1]])
    return Volume(_ramp_hu(affine, (12, 10, 8)), affine)


@pytest.fixture
def ramp_hu() -> Callable[[np.ndarray, tuple[int, ...]], np.ndarray]:
    """HU of the ramp on any grid: (affine, shape)."""
    return _ramp_hu


def _ramp_hu(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    return np.rint(world @ np.array([3.0, 5.0, 7.0])).astype(np.int16)


def slice_dataset(
    pixels: np.ndarray,
    position: tuple[float, float, float],
    *,
    orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0),
    spacing: tuple[float, float] = (1.5, 2.0),
    series_uid: str = "1.2.3",
    number: int = 1,
) -> Dataset:
    """One CT slice: ``pixels`` [row, column] HU, position and orientation in LPS mm."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[series_uid, str(number)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = Dataset()
    ds.file_meta = meta
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Modality = "CT"
    ds.PatientID = "patient-1"
    ds.PatientSex = "F"
    ds.PatientAge = "043Y"
    ds.StudyInstanceUID = "1.2"
    ds.SeriesInstanceUID = series_uid
    ds.InstanceNumber = number
    ds.ImagePositionPatient = list(position)
    ds.ImageOrientationPatient = list(orientation)
    ds.PixelSpacing = list(spacing)
    ds.SliceThickness = 5.0
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.PixelData = (pixels.astype(np.int16) + 1024).astype("<i2").tobytes()
    return ds


def _series_of(volume: Volume, series_uid: str = "1.2.3") -> list[Dataset]:
    # RAS array [i, j, k] to LPS slices: columns run to -x, rows to -y of RAS.
    corner = volume.affine @ [volume.hu.shape[0] - 1, volume.hu.shape[1] - 1, 0, 1]
    step, first = float(volume.affine[2, 2]), float(volume.affine[2, 3])
    return [
        slice_dataset(
            volume.hu[::-1, ::-1, k].T,
            (-corner[0], -corner[1], first + k * step),
            spacing=(volume.spacing[1], volume.spacing[0]),
            series_uid=series_uid,
            number=k + 1,
        )
        for k in range(volume.hu.shape[2])
    ]


@pytest.fixture(scope="session")
def as_slices() -> Callable[..., list[Dataset]]:
    """Turn an axis-aligned volume into axial CT slices, feet to head: (volume, series_uid)."""
    return _series_of


@pytest.fixture
def make_slice() -> Callable[..., Dataset]:
    """Build one CT slice data set."""
    return slice_dataset


@pytest.fixture
def save_slices() -> Callable[[Path, list[Dataset]], Path]:
    """Write data sets as files of a folder."""

    def save(folder: Path, slices: list[Dataset]) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for number, ds in enumerate(slices):
            pydicom.dcmwrite(folder / f"{number:04d}", ds, enforce_file_format=True)
        return folder

    return save


@pytest.fixture(scope="session")
def convert_params() -> Callable[..., tuple[ConvertParams, CtParams]]:
    """Return sections convert and ct, some keys of convert changed ("select.contrast": value)."""
    config = params.load(REPOSITORY)

    def make(changes: dict[str, object] | None = None) -> tuple[ConvertParams, CtParams]:
        few = {"select.min_slices": 4, **(changes or {})}
        changed = config.changed({f"convert.{key}": value for key, value in few.items()})
        return changed.section("convert", ConvertParams), changed.ct

    return make


@pytest.fixture
def workspace(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder with the repository's params.yaml, some keys changed ("section.key": value)."""

    def make(changes: dict[str, object] | None = None) -> Path:
        changed_params.write(tmp_path, changes or {})
        return tmp_path

    return make


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Per-case work runs in the test's own process: no start-up, and coverage of what is called."""
    monkeypatch.setenv("SYDA_WORKERS", "1")


@pytest.fixture(scope="session")
def made_up_records():
    """Write the records of made-up scans, each of a patient of its own, and their gate's report."""

    def write(root: Path, count: int) -> Path:
        rng = np.random.default_rng(0)
        made = []
        for number in range(count):
            hu = rng.integers(-1000, 400, (12 + number, 10, 8)).astype(np.int16)
            case = Case(f"case{number}", f"patient{number}", {"sex": "FM"[number % 2]})
            measured = Properties(body_width_mm=300.0 + number if number else None)
            volume = Volume(hu, np.diag([1.5, 1.5, 1.5, 1.0]))
            made.append(schema.Record(case, volume, measured))
        folder = root / "data" / "records"
        folder.mkdir(parents=True)
        writer.write(folder, made, PackParams(holdout_share=0.3, shards=2, compression="none"))
        gate = root / "reports" / "validation" / "records.json"
        gate.parent.mkdir(parents=True)
        gate.write_text("{}")
        return root

    return write


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Chromium, or a skip where there is none."""
    if not shutil.which("chromium"):
        pytest.skip("no chromium here: `apt-get install chromium`")
    chromium = Chromium(tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()
