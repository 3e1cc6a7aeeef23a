import numpy as np
import pytest

from syda.types import Volume
from syda.volume.resample import Axis, along_axes, to_spacing


def test_weights_going_down_are_the_overlap():
    weights = Axis(count=4, start=0.5, step=2.0).weights(8)
    np.testing.assert_allclose(weights[1], [0, 0, 0.5, 0.5, 0, 0, 0, 0])
    weights = Axis(count=2, start=1.0, step=3.0).weights(6)
    np.testing.assert_allclose(weights, np.repeat(np.eye(2), 3, axis=1) / 3, rtol=1e-6)


def test_a_voxel_covered_in_part_does_not_pull():
    # 2.5 voxels: whole, whole, half, whose centre of mass would be 1.3 and not 1.25
    weights = Axis(count=2, start=0.75, step=2.5).weights(5)
    np.testing.assert_allclose(weights[0], [0.425, 0.4, 0.175, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(weights[1], weights[0, ::-1], rtol=1e-6)


@pytest.mark.parametrize("step", np.linspace(0.2, 9, 89))
def test_weights_are_positive_sum_to_one_and_lie_where_the_sample_does(step):
    length = 40
    axis = Axis(max(1, round(length / step)), (step - 1) / 2, step)
    weights = axis.weights(length).astype(np.float64)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    half = max(1.0, step) / 2
    at = axis.positions()
    whole = (at - half > -0.5) & (at + half < length - 0.5)
    assert whole.any()
    np.testing.assert_allclose((weights @ np.arange(length))[whole], at[whole], atol=1e-5)


@pytest.mark.parametrize("factor", [2, 3, 8])
def test_a_whole_number_of_voxels_is_their_mean_exactly(factor):
    rng = np.random.default_rng(0)
    image = rng.integers(-1000, 1000, (24, 24, 24)).astype(np.int16)
    count = 24 // factor
    means = image.reshape([count, factor] * 3).mean(axis=(1, 3, 5))
    axis = Axis(count, (factor - 1) / 2, float(factor))
    np.testing.assert_allclose(along_axes(image, [axis] * 3, outside=-1000), means, atol=1e-3)


@pytest.mark.parametrize("step", [0.4, 1.0, 1.5, 2.0, 2.7])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_along_axes_is_the_product_with_the_weights(step, dtype):
    rng = np.random.default_rng(0)
    image = rng.integers(-1000, 1000, (9, 12, 15)).astype(dtype)
    axes = [
        Axis(round(n / step) + 4, (step - 1) / 2 - 2 * step * wide, step)
        for n, wide in zip(image.shape, (0, 1, 0), strict=True)
    ]
    a, b, c = (
        axis.weights(n).astype(np.float64) for axis, n in zip(axes, image.shape, strict=True)
    )
    expected = np.einsum("ia,jb,kc,abc->ijk", a, b, c, image + 1000.0) - 1000
    found = along_axes(image, axes, outside=-1000)
    assert found.dtype == np.float32
    assert found.flags.f_contiguous
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_weights_going_up_are_linear_and_hold_the_edge():
    weights = Axis(count=4, start=-0.25, step=0.5).weights(2)
    np.testing.assert_allclose(weights, [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])


def test_outside_the_field_is_air_exactly():
    image = np.full((2, 2, 2), 100, np.int16)
    wide = along_axes(image, [Axis(6, -2, 1.0), Axis(2, 0, 1.0), Axis(2, 0, 1.0)], outside=-1000)
    assert (wide[[0, 1, 4, 5]] == -1000).all()
    assert (wide[2:4] == 100).all()


@pytest.mark.parametrize("spacing", [1.0, 1.5, 3.0])
def test_a_linear_field_stays_on_its_affine(ramp, spacing):
    """Away from the faces, every voxel equals the field at its own world position."""
    out = to_spacing(ramp, spacing)
    assert out.spacing == pytest.approx((spacing,) * 3, abs=1e-12)
    index = np.stack(np.meshgrid(*map(np.arange, out.hu.shape), indexing="ij"), axis=-1)
    world = index @ out.affine[:3, :3].T + out.affine[:3, 3]
    inside = np.ones(out.hu.shape, bool)
    for axis in range(3):
        low = ramp.affine[axis, 3]
        high = low + ramp.affine[axis, axis] * (ramp.hu.shape[axis] - 1)
        margin = max(spacing, ramp.spacing[axis]) - ramp.spacing[axis]
        inside &= (world[..., axis] >= low + margin) & (world[..., axis] <= high - margin)
    error = np.abs(out.hu - world @ np.array([3.0, 5.0, 7.0]))[inside]
    assert inside.any()
    assert error.max() <= 1.01  # both grids are rounded to whole HU


def test_same_spacing_changes_nothing():
    rng = np.random.default_rng(0)
    hu = rng.integers(-1000, 1000, (5, 6, 7)).astype(np.int16)
    volume = Volume(hu, np.diag([1.5, 1.5, 1.5, 1.0]))
    out = to_spacing(volume, 1.5)
    np.testing.assert_array_equal(out.hu, hu)
    np.testing.assert_array_equal(out.affine, volume.affine)


def test_no_overshoot_and_noise_is_averaged():
    rng = np.random.default_rng(1)
    hu = rng.integers(-1000, 1000, (40, 40, 40)).astype(np.int16)
    out = to_spacing(Volume(hu, np.diag([0.75, 0.75, 0.75, 1.0])), 1.5)
    assert out.hu.shape == (20, 20, 20)
    assert hu.min() <= out.hu.min()
    assert out.hu.max() <= hu.max()
    # the mean of two voxels along each axis
    assert out.hu.std() == pytest.approx(hu.std() / 8**0.5, rel=0.05)


def test_fine_detail_vanishes_instead_of_aliasing():
    wave = np.cos(np.pi * np.arange(64)) * 500  # two voxels a period: above the new Nyquist rate
    hu = np.broadcast_to(wave[:, None, None], (64, 4, 4)).astype(np.int16)
    out = to_spacing(Volume(hu.copy(), np.diag([0.75, 1.5, 1.5, 1.0])), 1.5)
    assert np.abs(out.hu[2:-2]).max() <= 1
