"""Voxels of a ramp, HU = 3x + 5y + 7z, after every correction of a stack."""

import numpy as np
import pytest

from syda.volume import geometry

EVEN = np.arange(8) * 2.5


def tilted(heights, degrees, axis=1):
    """Centres of first voxels on a line at an angle to z, in the plane of z and an LPS axis."""
    points = np.array([(-6.0, -5.0, 40 + h) for h in heights])
    points[:, axis] += np.asarray(heights) * np.tan(np.radians(degrees))
    return points


@pytest.mark.parametrize("turn", [0, 20])
@pytest.mark.parametrize("towards", ["head", "feet"])
@pytest.mark.parametrize(
    "orientation",
    [
        (1, 0, 0, 0, 1, 0),  # head first supine
        (-1, 0, 0, 0, -1, 0),  # prone
        (-1, 0, 0, 0, 1, 0),  # feet first supine
        (1, 0, 0, 0, -1, 0),  # feet first prone
        (0, 1, 0, -1, 0, 0),  # decubitus
        (0, -1, 0, 1, 0, 0),
        (0, 1, 0, 1, 0, 0),  # decubitus, feet first
        (0, -1, 0, -1, 0, 0),
    ],
)
def test_every_voxel_lands_where_its_header_says(
    scan, as_volume, off_ramp, orientation, towards, turn
):
    """All patient positions, pixels that are no squares, also turned about the long axis."""
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    axes = (*(about_z @ orientation[:3]), *(about_z @ orientation[3:]))
    heights = EVEN if towards == "head" else EVEN[::-1]
    volume = as_volume(scan([(-6, -5, 40 + h) for h in heights], axes))
    error, air = off_ramp(volume)
    assert error <= 0.51  # rounding to whole HU, and cosines as decimal text
    assert air == 0
    assert geometry.orientation_code(volume.affine) == "RAS"
    assert sorted(volume.hu.shape) == [7, 8, 9]


def as_unsigned(slices):
    for ds in slices:
        ds.PixelRepresentation = 0  # the intercept of -1024 makes every value positive


def as_signed_hu(slices):
    for ds in slices:
        ds.RescaleIntercept, ds.PixelData = 0, (ds.pixel_array - np.int16(1024)).tobytes()


def with_slope_and_intercept_of_each_slice(slices):
    for number, ds in enumerate(slices):
        hu = ds.pixel_array.astype(int) - 1024
        ds.RescaleSlope, ds.RescaleIntercept = 0.25, number - 500
        ds.PixelData = ((hu - number + 500) * 4).astype("<i2").tobytes()


def with_padding_outside_the_field(slices):
    """-2000 and -3024 HU, tagged and not, in the corners of each slice."""
    for number, ds in enumerate(slices):
        stored = ds.pixel_array.copy()
        stored[0, 0], stored[0, -1], stored[-1, 0] = -976, -2000, -2000
        ds.PixelData = stored.tobytes()
        if number % 2:
            ds.PixelPaddingValue = -2000


@pytest.mark.parametrize(
    ("write", "error", "air"),
    [
        (as_unsigned, 0.5, 0),
        (as_signed_hu, 0.5, 0),
        (with_slope_and_intercept_of_each_slice, 0.5, 0),
        (with_padding_outside_the_field, 0.5, 3 / 63),
    ],
)
@pytest.mark.parametrize("shear", [0, 0.6])
def test_the_way_values_are_written_moves_no_voxel(
    scan, as_volume, off_ramp, write, error, air, shear
):
    """Upright, and leaning by a whole row of 1.5 mm each 2.5 mm, which needs no interpolation."""
    slices = scan([(-6, -5 + shear * h, 40 + h) for h in EVEN])
    write(slices)
    found, share = off_ramp(as_volume(slices))
    assert found <= error
    covered = 1 if shear == 0 else 9 / 16  # of the rows: seven more
    assert share == pytest.approx(1 - covered * (1 - air))


@pytest.mark.parametrize(("degrees", "roundings"), [(0, 1), (12, 2)])
def test_positions_rounded_to_two_decimals(scan, as_volume, off_ramp, degrees, roundings):
    """Places move by up to 0.005 mm along each axis, HU by 3, 5 and 7 times as much."""
    slices = scan(np.add(tilted(np.arange(30) / 3, degrees), [1 / 3, 2 / 3, 0]))
    for ds in slices:
        ds.ImagePositionPatient = [round(float(x), 2) for x in ds.ImagePositionPatient]
    volume = as_volume(slices)
    assert volume.hu.shape[2] == 30
    error, air = off_ramp(volume)
    tolerance = 2 * 0.005 * (3 + 5 + 7)  # of the position and of the step of the grid
    assert error <= 0.5 * roundings + tolerance
    assert (air == 0) == (degrees == 0)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("degrees", [-25.0, -18.5, 1.0, 18.5, 30.0])
def test_a_tilted_stack_becomes_orthogonal(scan, as_volume, off_ramp, degrees, axis):
    volume = as_volume(scan(tilted(EVEN, degrees, axis)))
    error, air = off_ramp(volume)
    assert error <= 1.0  # of two roundings
    directions = volume.affine[:3, :3] / volume.spacing
    np.testing.assert_allclose(directions, np.eye(3), atol=1e-12)
    drift = 17.5 * abs(np.tan(np.radians(degrees)))  # over seven gaps
    grown = int(np.ceil(round(drift / (2.0, 1.5)[axis], 6)))
    shape = [7, 9, 8]
    shape[axis] += grown
    assert list(volume.hu.shape) == shape
    # air: what each slice leaves of the longer axis, and one voxel more where it lies in between
    cut = 7 / 8
    assert air == pytest.approx((grown + cut) / shape[axis])


def test_a_tilt_by_whole_voxels_changes_no_voxel(scan, as_volume):
    """1.5 mm of drift a slice are one row: rows shift, none is interpolated."""
    slices = scan([(-6, -5 + 1.5 * k, 40 + 2.5 * k) for k in range(4)])
    before = {int(v) for ds in slices for v in ds.pixel_array.ravel() - 1024}
    volume = as_volume(slices)
    assert volume.hu.shape == (7, 12, 4)
    assert set(np.unique(volume.hu).tolist()) == before | {-1000}
    assert (volume.hu == -1000).sum() == 7 * 3 * 4


def test_a_gantry_tilted_with_the_slices_axes_stays_where_it_is(scan, as_volume, off_ramp):
    """As scanners write it: positions move along z, the slices' columns lean."""
    angle = np.radians(18.5)
    axes = (1, 0, 0, 0, np.cos(angle), -np.sin(angle))
    volume = as_volume(scan([(-6, -5, 40 + h) for h in EVEN], axes))
    error, air = off_ramp(volume)
    assert error <= 1.0
    assert 0 < air < 0.5
    assert volume.spacing == pytest.approx((2.0, 1.5, 2.5 * np.cos(angle)))


@pytest.mark.parametrize("degrees", [0, 18.5])
@pytest.mark.parametrize(
    "gaps", [[4.0] * 5 + [7.0] * 5, [7.0] * 5 + [1.08] + [4.0] * 5, [2, 2, 0.5, 1.5, 2]]
)
def test_irregular_slices_become_regular(scan, as_volume, off_ramp, gaps, degrees):
    volume = as_volume(scan(tilted(np.cumsum([0, *gaps]), degrees)))
    error, air = off_ramp(volume)
    assert error <= 1.0
    assert (air == 0) == (degrees == 0)
    first, last = volume.affine @ [0, 0, 0, 1], volume.affine @ [0, 0, volume.hu.shape[2] - 1, 1]
    assert first[2] == pytest.approx(40)  # the grid spans what was scanned
    assert last[2] == pytest.approx(40 + sum(gaps))


def test_slices_on_the_new_grid_do_not_change(scan, as_volume):
    heights = [0, 2, 4, 4.5, 6, 8, 10, 12, 14, 16]
    slices = scan(tilted(heights, 0))
    random = np.random.default_rng(0)
    for ds in slices:
        ds.PixelData = random.integers(24, 2000, (9, 7), np.int16).tobytes()
    stored = [ds.pixel_array - 1024 for ds in slices]
    volume = as_volume(slices)
    expected = [stored[i] for i in (0, 1, 2, 4, 5, 6, 7, 8, 9)]
    np.testing.assert_array_equal(volume.hu[::-1, ::-1].transpose(2, 1, 0), expected)


def test_a_filled_slice_is_the_mean_of_its_neighbours(scan, as_volume, off_ramp):
    slices = scan(tilted(EVEN, 0))
    volume = as_volume(slices[:3] + slices[4:], fill=True)
    assert volume.hu.shape == (7, 9, 8)
    assert off_ramp(volume) == (pytest.approx(0.5, abs=0.51), 0)
    between = (volume.hu[..., 2].astype(int) + volume.hu[..., 4]) / 2
    assert np.abs(volume.hu[..., 3] - between).max() <= 0.5


def test_air_is_not_mixed_into_the_edge(scan, as_volume):
    """A slab of 100 HU, tilted: each voxel is 100 HU or air."""
    slices = scan(tilted(EVEN, 12))
    for ds in slices:
        ds.PixelData = np.full((9, 7), 1124, np.int16).tobytes()
    assert np.unique(as_volume(slices).hu).tolist() == [-1000, 100]
