"""Exports of one volume, sound and with planted faults."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from syda.dicom import synthetic
from syda.dicom.writer import write_series
from syda.metrics import exports
from syda.metrics.exports import ExportFault
from syda.runtime.outputs import write_json
from syda.types import Volume
from syda.volume import nifti
from syda.volume.model_space import ModelSpace

SPACE = ModelSpace(16, 1.5, -1000, 1000)
NAME = "000007"
LONGEST = 24  # voxels of 1.5 mm: the cube's are 2.25 mm


def volume() -> Volume:
    """A lopsided body on the model's cube, away from its faces."""
    rng = np.random.default_rng(0)
    image = np.full((1, 16, 16, 16), -1, np.float32)
    image[0, 3:13, 4:12, 2:15] = rng.uniform(-0.2, 0.3, (10, 8, 13))
    return SPACE.decode(image, LONGEST)


def write_description(folder: Path, **changes: float) -> None:
    length = SPACE.physical(volume()).hu.shape[2] * 1.5
    facts = {"effective_spacing_mm": 2.25, "nominal_spacing_mm": 1.5, "length": length} | changes
    measured = {"scan_length_mm": facts.pop("length")}
    write_json(folder / f"{NAME}.json", facts | {"properties": {"measured": measured}})


def write_dicom(folder: Path, physical: Volume) -> None:
    series = synthetic.describe(
        name="seed 7", weights_sha256="ab" * 32, derivation="Drawn.",
        thickness_mm=1.5,
    )  # fmt: skip
    shutil.rmtree(folder / "dicom" / NAME, ignore_errors=True)
    write_series(folder / "dicom" / NAME, physical, series)


def write_nifti(folder: Path, physical: Volume) -> None:
    nifti.write(folder / "physical" / f"{NAME}.nii.gz", physical)


def write_both(folder: Path, physical: Volume) -> None:
    write_nifti(folder, physical)
    write_dicom(folder, physical)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Cube, JSON and exports of a sound volume."""
    nifti.write(tmp_path / f"{NAME}.nii.gz", volume())
    write_description(tmp_path)
    write_both(tmp_path, SPACE.physical(volume()))
    return tmp_path


def found(folder: Path) -> list[ExportFault]:
    return list(exports.check(folder, SPACE).faults[NAME])


def physical(hu: Callable[[np.ndarray], np.ndarray], affine: np.ndarray | None = None) -> Volume:
    """The export with other voxels, or elsewhere."""
    sound = SPACE.physical(volume())
    moved = sound.affine if affine is None else affine @ sound.affine
    return Volume(np.ascontiguousarray(hu(sound.hu)), moved)


def same(hu: np.ndarray) -> np.ndarray:
    return hu


def translation(x: float, y: float, z: float) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, 3] = x, y, z
    return affine


def with_one_voxel_off(hu: np.ndarray) -> np.ndarray:
    hu = hu.copy()
    hu[5, 5, 5] += 2
    return hu


def slices(folder: Path) -> list[Path]:
    return sorted((folder / "dicom" / NAME).iterdir())


def edit(folder: Path, change: Callable[[Dataset], None], which: slice = slice(3, 4)) -> None:
    for path in slices(folder)[which]:
        one = pydicom.dcmread(path)
        change(one)
        one.save_as(path)


def one_pixel_off(one: Dataset) -> None:
    pixels = one.pixel_array.copy()
    pixels[2, 3] += 1
    one.PixelData = pixels.tobytes()


def moved(one: Dataset) -> None:
    x, y, z = map(float, one.ImagePositionPatient)
    one.ImagePositionPatient = [x, y, z + 0.1]


def turned(one: Dataset) -> None:
    one.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]


def test_a_sound_export_has_no_fault(folder: Path) -> None:
    checked = exports.check(folder, SPACE)
    assert checked.faults == {NAME: []}
    assert checked.summary() == {"checked": 1, "faulty": 0}
    assert checked.detail() == {"faulty": {}, "by_kind": dict.fromkeys(map(str, ExportFault), 0)}


def test_where_nothing_is_exported_nothing_is_checked(tmp_path: Path) -> None:
    assert exports.check(tmp_path, SPACE).summary() == {"checked": 0, "faulty": 0}


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (lambda f: (f / f"{NAME}.nii.gz").unlink(), [ExportFault.MISSING]),
        (lambda f: (f / f"{NAME}.json").unlink(), [ExportFault.MISSING]),
        (lambda f: (f / "physical" / f"{NAME}.nii.gz").unlink(), [ExportFault.MISSING]),
        (lambda f: shutil.rmtree(f / "dicom" / NAME), [ExportFault.MISSING]),
        (lambda f: (f / f"{NAME}.json").write_text("{}"), [ExportFault.UNREADABLE]),
        (lambda f: slices(f)[0].write_bytes(b"no DICOM"), [ExportFault.UNREADABLE]),
        (lambda f: slices(f)[0].write_bytes(b""), [ExportFault.UNREADABLE]),
        (
            lambda f: slices(f)[0].write_bytes(slices(f)[0].read_bytes()[:-9]),
            [ExportFault.UNREADABLE],
        ),
        (lambda f: edit(f, lambda one: delattr(one, "RescaleSlope")), [ExportFault.UNREADABLE]),
        (lambda f: (f / "physical" / f"{NAME}.nii.gz").write_bytes(b""), [ExportFault.UNREADABLE]),
        (lambda f: write_description(f, nominal_spacing_mm=1.4), [ExportFault.SPACING]),
        (lambda f: write_description(f, effective_spacing_mm=2.2), [ExportFault.SPACING]),
        (lambda f: write_description(f, length=21.0), [ExportFault.EXTENT]),
        (
            lambda f: write_both(f, physical(same, np.diag([1.01, 1, 1, 1]))),
            [ExportFault.SPACING, ExportFault.EXTENT],
        ),
        (lambda f: write_both(f, physical(same, translation(0, 0, 0.2))), [ExportFault.EXTENT]),
        (
            lambda f: write_both(f, physical(lambda hu: hu[:, :, :-2])),
            [ExportFault.EXTENT, ExportFault.HU],
        ),
        (lambda f: write_both(f, physical(lambda hu: hu[::-1])), [ExportFault.HU]),
        (lambda f: write_both(f, physical(with_one_voxel_off)), [ExportFault.HU]),
        (lambda f: write_dicom(f, physical(lambda hu: hu[::-1])), [ExportFault.DICOM_HU]),
        (lambda f: edit(f, one_pixel_off), [ExportFault.DICOM_HU]),
        (lambda f: edit(f, moved), [ExportFault.DICOM_GEOMETRY]),
        (lambda f: edit(f, moved, slice(None)), [ExportFault.DICOM_GEOMETRY]),
        (lambda f: edit(f, turned, slice(None)), [ExportFault.DICOM_GEOMETRY]),
        (lambda f: slices(f)[4].unlink(), [ExportFault.DICOM_GEOMETRY]),
        (lambda f: slices(f)[-1].unlink(), [ExportFault.DICOM_GEOMETRY]),
        (lambda f: [path.unlink() for path in slices(f)], [ExportFault.DICOM_GEOMETRY]),
        (
            lambda f: edit(f, lambda one: setattr(one, "SeriesInstanceUID", "1.2.3")),
            [ExportFault.DICOM_GEOMETRY],
        ),
        (
            lambda f: edit(f, lambda one: setattr(one, "PixelSpacing", [1.6, 1.5]), slice(None)),
            [ExportFault.DICOM_GEOMETRY],
        ),
        (lambda f: edit(f, lambda one: delattr(one, "SyntheticData")), [ExportFault.UNMARKED]),
    ],
)
def test_a_planted_fault_is_found(
    plant: Callable[[Path], object], expected: list[ExportFault], folder: Path
) -> None:
    plant(folder)
    assert found(folder) == expected
    checked = exports.check(folder, SPACE)
    assert checked.summary() == {"checked": 1, "faulty": 1}
    detail = json.loads(json.dumps(checked.detail()))
    assert detail["faulty"] == {NAME: [fault.value for fault in expected]}
    assert sum(detail["by_kind"].values()) == len(expected)


def test_flipped_axes_are_found_though_each_voxel_is_in_position(folder: Path) -> None:
    sound = SPACE.physical(volume())
    affine = sound.affine.copy()
    affine[0, 3] += (sound.hu.shape[0] - 1) * affine[0, 0]
    affine[0, 0] *= -1
    write_nifti(folder, Volume(np.ascontiguousarray(sound.hu[::-1]), affine))
    assert found(folder) == [ExportFault.ORIENTATION, ExportFault.DICOM_GEOMETRY]


def test_the_export_of_another_volume_is_found(folder: Path) -> None:
    other = np.random.default_rng(1).integers(-200, 300, volume().hu.shape)
    hu = np.where(volume().hu > -900, other, -1000).astype(np.int16)
    write_both(folder, SPACE.physical(Volume(hu, volume().affine)))
    assert found(folder) == [ExportFault.HU]
