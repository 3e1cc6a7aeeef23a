"""Real CT series: the expected volume of each, compared with dcm2niix.

The grids are equal to 5e-5 mm (dcm2niix stores float32), and so are the voxels, except for these
intended differences:

- Padding. dcm2niix stores -3024 or -1500 HU outside the field of the scanner, and the smallest
  value where a sheared slice covers nothing. Here both are air, -1000.
- Bounds. Here HU are clamped to ct.hu_min .. ct.hu_max.
- Edge of a sheared slice. dcm2niix repeats the outermost row of a slice beyond it. Here a voxel
  with a measured neighbour on only one side is air.
- Rounding. Interpolated HU are whole numbers here, fractions there.
- Uneven gaps (GE head). dcm2niix uses a finer step for the same span. The first and last slices are
  the same, the others are compared after interpolation.
- Missing slices. dcm2niix fills any number of them. Here the series is rejected.
"""

import contextlib
import json
import os
import re
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import dcm2niix
import nibabel as nib
import numpy as np
import pytest

import changed_params
from syda.dicom import enhancement
from syda.errors import CheckFailed
from syda.stages import convert
from syda.types import Volume
from syda.volume import geometry, nifti

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("SYDA_TEST_DATA", REPOSITORY.parent / "shared" / "data"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DATA / "geometry").is_dir(),
        reason=f"no real CT for tests: set SYDA_TEST_DATA ({DATA.name}/geometry is missing)",
    ),
]

ABDOMEN, PLAIN = "abdomen/abd-contrast-crlm1004", "abdomen/abd-noncontrast-acrin001"
PHILIPS, GE = "geometry/phantomhead-tilt-philips", "geometry/head-tilt-variable-ge"
HEADERS = "geometry/geometry-dicom2nifti"
PARAMS = {
    "data.version": "real",
    "convert.max_rejected_share": 1.0,
    "convert.select.min_slices": 4,
}


@dataclass(frozen=True)
class Expected:
    """A volume along R, A, S; HU are means of 5 x 5 voxels around an index."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    irregularities: tuple[str, ...] = ()
    tilt: float = 0.0  # degrees
    regions: tuple[tuple[str, tuple[int, int, int], float, float], ...] = ()
    ignored: tuple[tuple[str, int], ...] = ()


VOLUMES = {
    (ABDOMEN, ""): Expected(
        (512, 512, 41),
        (0.796875, 0.796875, 5.0),
        regions=(
            ("liver, enhanced, on the right", (390, 250, 20), 110, 135),
            ("its dome", (350, 280, 30), 105, 130),
            ("left kidney, enhanced", (190, 200, 20), 160, 280),
            ("vertebra, behind", (262, 210, 20), 150, 350),
            ("lung, above", (150, 200, 36), -900, -300),
            ("air in front", (256, 450, 20), -1000, -980),
        ),
    ),
    (PLAIN, ""): Expected(
        (512, 512, 99),
        (0.976562, 0.976562, 4.25),
        regions=(
            ("liver, on the right", (380, 230, 75), 50, 75),
            ("left kidney", (200, 180, 72), 15, 45),
            ("right kidney", (335, 180, 60), 15, 45),
            ("outside the field", (2, 2, 50), -1000, -1000),
        ),
    ),
    (PHILIPS, ""): Expected(
        (512, 600, 54),  # 42 mm of drift in rows of 0.48 mm
        (0.482422, 0.482422, 2.370809),
        ("gantry_tilt",),
        18.5,
        regions=(("plastic", (256, 220, 10), 60, 130),),
        ignored=(("localizer", 1),),
    ),
    (GE, ""): Expected(
        (512, 611, 37),  # 144.1 mm in steps near 4.002 mm
        (0.488281, 0.488281, 4.002453),
        ("gantry_tilt", "irregular_spacing"),
        18.5,
        regions=(
            ("brain", (256, 240, 10), 15, 50),
            ("brain, higher", (256, 280, 18), 10, 50),
            ("brain, at the top", (256, 240, 25), 10, 50),
        ),
        ignored=(("not_dicom", 2),),
    ),
}

REASONS = {
    (HEADERS, "sliceincrement/001"): "missing_slices",  # gaps of 5, 5 and 10 mm
    (HEADERS, "sliceincrement/002"): "missing_slices",  # 0.75, 0.75 and 1.5 mm
    (HEADERS, "notavolume"): "duplicate_slices",  # four monitoring slices at one position
    (HEADERS, "gantrytilting"): "not_hu",  # its pixels were replaced: nothing is above -770 HU
}


def unpack(archive: str, below: str, folder: Path) -> Path:
    with tarfile.open(DATA / f"{archive}.tar.xz") as tar:
        for member in tar:
            if member.isfile() and below in member.name:
                file = folder / member.name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(tar.extractfile(member).read())
    return folder


def run(root: Path) -> dict:
    """Run the stage on data/raw/real of a folder and return its report."""
    changed_params.write(root, PARAMS)
    (root / ".syda").mkdir()
    (root / ".syda/key").write_text("5" * 64)
    with contextlib.suppress(CheckFailed):  # nothing converted: what the report then says
        convert.run(root)
    return json.loads((root / "reports/convert.json").read_text())


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Folder and report of the stage on one archive, or a part of it; run once each."""
    done = {}

    def converted(archive, below=""):
        if (archive, below) not in done:
            root = tmp_path_factory.mktemp("real")
            unpack(archive, below, root / "data/raw/real")
            done[archive, below] = root, run(root)
        return done[archive, below]

    return converted


@pytest.fixture(scope="module")
def volume_of(converted):
    def volume_of(archive, below=""):
        root, _ = converted(archive, below)
        (file,) = nifti.case_files(root / "data/nifti")
        return nifti.read(file), json.loads(
            (root / f"data/nifti/{nifti.case_name(file)}.json").read_text()
        )

    return volume_of


@pytest.fixture(scope="module")
def peers_of(converted):
    """Volumes that dcm2niix makes, RAS+, by the end of the file's name."""

    def peers_of(archive, below="", ending=""):
        root, _ = converted(archive, below)
        out = root / "dcm2niix"
        if not out.is_dir():
            out.mkdir()
            options = ["-z", "n", "-b", "n", "-f", "%f_%s", "-o"]
            command = [dcm2niix.bin, *options, out, root / "data/raw"]
            subprocess.run(command, check=True, capture_output=True)
        return [reoriented(nib.load(file)) for file in sorted(out.glob(f"*{ending}.nii"))]

    return peers_of


def reoriented(image):
    orientation = nib.orientations.io_orientation(image.affine)
    hu = nib.orientations.apply_orientation(np.asarray(image.dataobj), orientation)
    moved = image.affine @ nib.orientations.inv_ornt_aff(orientation, image.shape)
    return hu, moved


@pytest.mark.parametrize("series", VOLUMES, ids="/".join)
def test_a_volume_comes_out(converted, volume_of, series):
    expected = VOLUMES[series]
    volume, case = volume_of(*series)
    _, report = converted(*series)
    assert volume.hu.shape == expected.shape
    assert volume.spacing == pytest.approx(expected.spacing, abs=1e-6)
    assert geometry.orientation_code(volume.affine) == "RAS"
    directions = volume.affine[:3, :3] / volume.spacing
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-6)
    assert volume.hu.min() >= -1024
    assert case["source"]["irregularities"] == list(expected.irregularities)
    assert case["source"]["gantry_tilt_degrees"] == expected.tilt
    assert report["irregularities"] == dict.fromkeys(expected.irregularities, "not told")
    assert report["rejected"] == []
    assert report["files_ignored"] == dict(expected.ignored)
    for what, (i, j, k), low, high in expected.regions:
        mean = volume.hu[i - 2 : i + 3, j - 2 : j + 3, k].mean()
        assert low <= mean <= high, f"{what}: {mean:.0f} HU"


@pytest.mark.parametrize("series", REASONS, ids="/".join)
def test_a_series_that_is_no_volume_is_rejected_with_its_reason(converted, series):
    _, report = converted(*series)
    assert report["converted"] == 0
    assert report["reasons"] == {REASONS[series]: 1}


def test_the_four_headers_together(converted):
    _, report = converted(HEADERS)
    assert report["converted"] == 0
    assert report["reasons"] == {"missing_slices": 2, "duplicate_slices": 1, "not_hu": 1}
    assert re.fullmatch(r"s[0-9a-f]{16}", report["rejected"][0]["id"])


@pytest.mark.parametrize("archive", [ABDOMEN, PLAIN])
def test_upright_scans_are_those_of_dcm2niix(volume_of, peers_of, archive):
    volume, _ = volume_of(archive)
    ((hu, affine),) = peers_of(archive)
    np.testing.assert_allclose(volume.affine, affine, atol=5e-5)
    hu[hu < -1500] = -1000
    np.testing.assert_array_equal(volume.hu, hu.clip(-1024, 3071))


@pytest.mark.parametrize(("archive", "share"), [(ABDOMEN, 0.672), (PLAIN, 0.004)])
def test_contrast_agent_shows_in_the_voxels(volume_of, archive, share):
    volume, _ = volume_of(archive)
    found = enhancement.enhanced_share(*enhancement.averaged(volume))
    assert found == pytest.approx(share, abs=0.001)
    assert enhancement.is_enhanced(found) is (archive == ABDOMEN)


def measured(volume: Volume) -> np.ndarray:
    """Voxels that are not the air of this conversion, and have no such neighbour."""
    here = volume.hu != -1000
    return here[:, :-2] & here[:, 1:-1] & here[:, 2:]


def test_tilted_slices_are_those_of_dcm2niix(volume_of, peers_of):
    volume, _ = volume_of(PHILIPS)
    ((hu, affine),) = peers_of(PHILIPS, ending="_Tilt_1")
    np.testing.assert_allclose(volume.affine, affine, atol=5e-5)
    assert volume.hu.shape == hu.shape
    error = np.abs(volume.hu - hu)[:, 1:-1][measured(volume)]
    assert error.max() <= 1
    assert error.size > 0.5 * hu.size


def test_uneven_tilted_slices_are_those_of_dcm2niix(volume_of, peers_of):
    volume, _ = volume_of(GE)
    ((hu, affine),) = peers_of(GE, ending="_Tilt_Eq_1")
    np.testing.assert_allclose(volume.affine[:, (0, 1, 3)], affine[:, (0, 1, 3)], atol=5e-5)
    last = affine @ [0, 0, hu.shape[2] - 1, 1]
    np.testing.assert_allclose(volume.affine @ [0, 0, 36, 1], last, atol=1e-3)
    inner = measured(volume)
    for number, other in ((0, 0), (-1, -1)):
        error = np.abs(volume.hu[..., number].astype(int) - hu[..., other])[:, 1:-1]
        assert error[inner[..., number]].max() <= 1
    heights = np.arange(37) * 55 / 36
    below = np.minimum(heights.astype(int), 54)
    between = hu[..., below] + (heights - below) * (hu[..., below + 1] - hu[..., below])
    error = np.abs(volume.hu - between)[:, 1:-1][inner]
    assert np.median(error) < 5
    assert np.quantile(error, 0.9) < 60


@pytest.mark.exhaustive
def test_the_cohort_is_that_of_dcm2niix(converted, peers_of):
    root, report = converted("cohort/sts_001-036")
    assert (report["converted"], report["rejected"]) == (36, [])
    assert report["irregularities"] == {}
    assert report["slice_spacing_mm"] == {"min": 3.27, "max": 3.27}
    ours = [nifti.read(file) for file in nifti.case_files(root / "data/nifti")]
    peers = peers_of("cohort/sts_001-036")
    assert len(peers) == 36
    for hu, affine in peers:
        match = [
            v for v in ours if v.hu.shape == hu.shape and np.abs(v.affine - affine).max() < 1e-4
        ]
        assert any(np.array_equal(v.hu, hu) for v in match)
