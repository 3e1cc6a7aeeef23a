import os
import tarfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from syda.dicom import pixels, regrid, series, stack
from syda.phantom import anatomy, cohort, torso
from syda.phantom.scanner import scan
from syda.phantom.shapes import Canvas
from syda.phantom.subject import sample_subject
from syda.properties.measured import measure_properties
from syda.types import Properties, Volume
from syda.volume import geometry
from syda.volume.resample import to_spacing

DATA = Path(os.environ.get("SYDA_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))

AIR, FAT, MUSCLE, BONE, LUNG = -1000, -100, 50, 400, -850
BOX = (slice(12, 72), slice(12, 60), slice(6, 30))
"""60 x 48 x 24 voxels of a body in air, 86 x 72 x 36 in all."""


def box(spacing=(1.5, 1.5, 1.5), tissue=MUSCLE) -> Volume:
    hu = np.full((86, 72, 36), AIR, np.int16)
    hu[BOX] = tissue
    return Volume(hu, np.diag([*spacing, 1.0]))


def body(found: Properties) -> tuple[float | None, ...]:
    return found.body_width_mm, found.body_depth_mm, found.fat_share, found.bone_share


def test_a_box_is_measured_exactly():
    volume = box()
    volume.hu[12:42, BOX[1], BOX[2]] = FAT  # half
    volume.hu[42:57, 12:36, BOX[2]] = BONE  # an eighth
    found = measure_properties(volume)
    assert body(found) == (90.0, 72.0, 0.5, 0.125)
    assert found.scan_length_mm == 54.0


def test_spacing_differs_between_axes():
    assert body(measure_properties(box((0.75, 1.0, 5.0)))) == (45.0, 48.0, 0.0, 0.0)
    assert measure_properties(box((0.75, 1.0, 5.0))).scan_length_mm == 180.0


@pytest.mark.parametrize(("hu", "fat", "bone"), [
    (-191, 0, 0), (-190, 1, 0), (-30, 1, 0), (-29, 0, 0), (149, 0, 0), (150, 0, 1), (3071, 0, 1),
])  # fmt: skip
def test_the_bounds_of_fat_and_bone(hu, fat, bone):
    found = measure_properties(box(tissue=hu))
    assert (found.fat_share, found.bone_share) == (fat, bone)


def test_lung_and_gas_inside_count_as_body():
    volume = box()
    volume.hu[21:42, 21:36, 6:30] = LUNG
    volume.hu[21:42, 42:54, 0:36] = AIR  # open at both ends of the body, closed in each slice
    volume.hu[45:60, 21:36, BOX[2]] = FAT
    found = measure_properties(volume)
    assert body(found) == (90.0, 72.0, 15 * 15 / (60 * 48), 0.0)


def test_table_sheet_tube_and_arm_are_not_the_body():
    volume = box()
    expected = measure_properties(volume)
    volume.hu[:, 4:6, :] = -200  # the table's shell, 3 mm
    volume.hu[:, 2, :] = 600
    volume.hu[2:8, 30:36, :] = MUSCLE  # an arm beside the trunk
    volume.hu[76, 12:60, :] = 30  # a sheet on edge
    volume.hu[40:43, 66:69, :] = 200  # a tube above
    assert body(measure_properties(volume)) == body(expected)


def test_what_touches_the_body_by_a_thin_bridge_is_cut_off():
    volume = box()
    expected = measure_properties(volume)
    volume.hu[2:84, 0:6, :] = MUSCLE  # 9 mm thick
    volume.hu[20:24, 6:12, :] = MUSCLE  # 6 mm wide and 9 mm long
    found = measure_properties(volume)
    assert found.body_width_mm == expected.body_width_mm
    assert found.body_depth_mm == expected.body_depth_mm + 4.5  # a sample of the bridge


def test_the_extent_is_the_median_of_the_slices():
    volume = box()
    volume.hu[15:18, 12:60, 20:30] = AIR  # outermost parts gone in ten of 24 slices
    volume.hu[12:15, 12:60, 20:30] = AIR
    assert measure_properties(volume).body_width_mm == 90.0
    volume.hu[12:18, 12:60, 14:30] = AIR  # in sixteen of them
    assert measure_properties(volume).body_width_mm == 81.0


def test_without_a_body_its_properties_are_none():
    found = measure_properties(box(tissue=AIR))
    assert asdict(found) == {**dict.fromkeys(asdict(found)), "scan_length_mm": 54.0}
    tiny = Volume(np.full((3, 3, 3), MUSCLE, np.int16), np.diag([1.5, 1.5, 1.5, 1]))
    assert measure_properties(tiny) == Properties(scan_length_mm=4.5)


def test_memory_order_does_not_matter():
    volume = noisy(9.0, 1.5)
    other = Volume(np.asfortranarray(volume.hu), volume.affine)
    assert measure_properties(other) == measure_properties(volume)


def noisy(sd: float, spacing: float) -> Volume:
    """A body of three tissues with edges between them, and a bright, textured part."""
    rng = np.random.default_rng(0)
    hu = np.full((140, 120, 40), float(AIR))
    hu[10:130, 10:110] = FAT
    hu[16:124, 16:104] = MUSCLE
    hu[60:90, 40:90] = 20
    hu[20:50, 20:100, :] += rng.choice([-60, 60], (30, 80, 1))
    hu += rng.normal(0, sd, hu.shape)
    return Volume(np.rint(hu).astype(np.int16), np.diag([spacing, spacing, spacing, 1]))


@pytest.mark.parametrize("spacing", [0.8, 1.5, 2.0])
@pytest.mark.parametrize("sd", [4.0, 12.0, 40.0])
def test_noise_is_that_of_the_homogeneous_part(sd, spacing):
    assert measure_properties(noisy(sd, spacing)).noise_hu == pytest.approx(sd, rel=0.04)


def test_noise_is_none_without_soft_tissue():
    assert measure_properties(box(tissue=FAT)).noise_hu is None
    assert measure_properties(box(tissue=BONE)).noise_hu is None


@pytest.fixture(scope="module", params=[("base", 0), ("base", 3), ("added", 3)], ids=str)
def phantom(request):
    """A scan of an artificial patient, and the same patient on a fine grid without noise.

    Subject, protocol, scan, HU ``[k, j, i]`` at 2 x 2 x 10 mm, and which voxels lie in the skin.
    """
    group, index = request.param
    scanner = cohort.SCANNERS[group]
    rng = cohort.Member(20261122, group, index).generator()
    subject = sample_subject(rng, scanner.positions[index % len(scanner.positions)])
    state = rng.bit_generator.state
    volume = scan(subject, scanner.protocol, 40, rng)
    canvas = Canvas(
        np.arange(-230.0, 230, 2), np.arange(-170.0, 170, 2), np.arange(-90.0, 91, 10), 2
    )
    for paint in (anatomy.paint, None):
        rng.bit_generator.state = state
        rng.uniform()  # the scan shifts its field by it
        if paint:
            paint(canvas, subject, rng)
    skin = torso.torso(canvas, subject, rng).skin
    inside = (
        skin.distance(canvas.x[None, None], canvas.y[None, :, None], canvas.z[:, None, None]) < 0
    )
    return subject, scanner.protocol, volume, canvas.hu, inside


def extent(inside: np.ndarray, axis: int) -> float:
    """Median over the slices of the extent along an axis, mm."""
    return float(np.median([2 * (np.ptp(np.nonzero(plane)[axis]) + 1) for plane in inside]))


def share(values: np.ndarray, low: float, high: float) -> float:
    return float(np.mean((values >= low) & (values <= high)))


def test_the_phantoms_body_is_measured(phantom):
    subject, _, volume, hu, inside = phantom
    width, depth = extent(inside, 1), extent(inside, 0)
    assert width == pytest.approx(2 * subject.half_width, rel=0.05)
    assert depth == pytest.approx(2 * subject.half_depth, rel=0.05)
    for scanned in (volume, to_spacing(volume, 1.5)):
        found = measure_properties(scanned)
        assert found.body_width_mm == pytest.approx(width, abs=4)
        assert found.body_depth_mm == pytest.approx(depth, abs=4)
        assert found.fat_share == pytest.approx(share(hu[inside], -190, -30), abs=0.02)
        assert found.bone_share == pytest.approx(share(hu[inside], 150, 3071), abs=0.01)
        assert found.scan_length_mm == pytest.approx(40 * volume.spacing[2], abs=0.75)


def test_the_phantoms_noise_is_measured(phantom):
    subject, protocol, volume, _, _ = phantom
    truth = protocol.noise * (subject.half_width / 175) ** 2
    found = measure_properties(volume).noise_hu
    assert found == pytest.approx(truth, rel=0.06)
    resampled = measure_properties(to_spacing(volume, 1.5)).noise_hu
    assert 0.5 * found < resampled < 0.75 * found  # resampling averages


@pytest.mark.skipif(
    not (DATA / "abdomen").is_dir(),
    reason=f"no real CT for tests: set SYDA_TEST_DATA ({DATA.name}/abdomen is missing)",
)
def test_a_real_abdomen_is_plausible(tmp_path):
    """Unenhanced abdomen and pelvis."""
    with tarfile.open(DATA / "abdomen" / "abd-noncontrast-acrin001.tar.xz") as tar:
        tar.extractall(tmp_path)  # a pinned file of the tests; `filter` needs Python 3.11.4
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    stacked = stack.arrange(series.read_slices(files), 16, fill_one_missing_slice=False)
    planes = pixels.Planes(stacked.slices, -1024, 3071)
    volume = geometry.to_ras(*regrid.to_grid(planes, stacked))
    found = measure_properties(to_spacing(volume, 1.5))
    assert 340 < found.body_width_mm < 365
    assert 225 < found.body_depth_mm < 250
    assert 0.40 < found.fat_share < 0.60
    assert 0.03 < found.bone_share < 0.08
    assert 5 < found.noise_hu < 12
    assert found.scan_length_mm == pytest.approx(99 * 4.25, abs=0.75)
