import numpy as np
import pytest

from syda.phantom.shapes import Canvas, Noise, Solid, curve, ellipsoid, tube


def canvas(size=41, step=1.0):
    axis = (np.arange(size) - (size - 1) / 2) * step
    return Canvas(axis, axis, axis, edge=step)


def at(shape, x, y, z):
    axes = np.array([x]).reshape(1, 1, 1), np.array([y]).reshape(1, 1, 1), np.array([z])
    return float(shape.distance(axes[0], axes[1], axes[2].reshape(1, 1, 1)).flat[0])


def test_sphere_distance_is_in_mm_near_its_surface():
    sphere = ellipsoid((1, 2, 3), (10, 10, 10))
    assert at(sphere, 11, 2, 3) == pytest.approx(0, abs=1e-9)
    assert at(sphere, 11.1, 2, 3) == pytest.approx(0.1, abs=1e-3)
    assert at(sphere, 1, 2, 12.9) == pytest.approx(-0.1, abs=1e-3)


def test_painted_sphere_has_its_volume_and_partial_voxels():
    picture = canvas()
    picture.paint(ellipsoid((0, 0, 0), (10, 10, 10)), 0.0)
    filled = (picture.hu + 1000) / 1000
    assert filled.sum() == pytest.approx(4 / 3 * np.pi * 1000, rel=0.01)
    assert filled[20, 20, 20] == 1
    assert filled[0, 0, 0] == 0
    assert filled[20, 20, 30] == pytest.approx(0.5)  # the surface runs through this voxel's centre


def test_a_lean_moves_the_top():
    leaning = ellipsoid((0, 0, 0), (5, 5, 10), lean=(0.5, 0, 0))
    assert at(leaning, 4, 0, 8) < 0 < at(leaning, -4, 0, 8)
    assert leaning.high == (10, 5, 10)


def test_sets():
    a, b = ellipsoid((-3, 0, 0), (5, 5, 5)), ellipsoid((3, 0, 0), (5, 5, 5))
    assert at(a & b, 0, 0, 0) < 0 < at(a & b, -4, 0, 0)
    assert at(a - b, -4, 0, 0) < 0 < at(a - b, 0, 0, 0)
    assert at(a.joined(b, 1), 4, 0, 0) < 0
    crease = at(a.joined(b, 4), 0, 4.2, 0)
    assert crease < at(a, 0, 4.2, 0)
    assert at(a.grown(1), 2.5, 0, 0) < 0 < at(a, 2.5, 0, 0)


def test_inner_layers_lie_below_the_surface():
    picture = canvas()
    picture.paint(ellipsoid((0, 0, 0), (12, 12, 12)), 700.0, (3.0, 200.0))
    assert picture.hu[20, 20, 20] == 200
    assert picture.hu[20, 20, 30] == pytest.approx(700)  # 2 mm deep


def test_curve_passes_through_its_points():
    points = np.array([[0, 0, 0, 1], [10, 0, 0, 2], [10, 10, 0, 3.0]])
    path, share = curve(points, 1.0)
    for point in points:
        assert np.abs(path - point).sum(axis=1).min() < 1e-9
    assert (share[0], share[-1]) == (0, 1)
    steps = np.linalg.norm(np.diff(path[:, :3], axis=0), axis=1)
    assert steps.max() < 1.6


def test_tube_is_a_chain_of_capsules():
    pipe = tube(np.array([[-10, 0, 0, 4], [10, 0, 0, 4.0]]))
    picture = canvas()
    picture.paint(pipe, 0.0)
    filled = ((picture.hu + 1000) / 1000).sum()
    assert filled == pytest.approx(np.pi * 16 * 20 + 4 / 3 * np.pi * 64, rel=0.02)


def test_noise_is_smooth_standard_and_repeatable():
    axis = np.linspace(0, 160, 81)
    axes = axis[None, None], axis[None, :, None], axis[:, None, None]
    values = Noise(np.random.default_rng(3), 10)(*axes)
    assert values.shape == (81, 81, 81)
    assert abs(values.mean()) < 0.1
    assert 0.6 < values.std() < 1.1
    assert np.abs(np.diff(values, axis=2)).max() < 1.0
    assert np.array_equal(values, Noise(np.random.default_rng(3), 10)(*axes))


def test_sampled_function_is_looked_up():
    picture = canvas(21)
    plane = picture.sampled(lambda x, y, z: x + 10 * y + 100 * z)
    x, y, z = (
        a.reshape(s)
        for a, s in zip(
            (picture.x[3:5], picture.y[4:6], picture.z[7:8]),
            ((1, 1, 2), (1, 2, 1), (1, 1, 1)),
            strict=True,
        )
    )
    assert np.array_equal(plane(x, y, z), x + 10 * y + 100 * z)


def test_a_shape_beyond_the_canvas_paints_nothing():
    picture = canvas(11)
    picture.paint(ellipsoid((500, 0, 0), (5, 5, 5)), 0.0)
    assert (picture.hu == -1000).all()


def test_a_boundless_shape_paints_everything():
    picture = canvas(11)
    picture.paint(Solid(lambda x, y, z: x + y + z - 900), 0.0)
    assert (picture.hu == 0).all()
