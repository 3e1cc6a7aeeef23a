import numpy as np
import pytest

from syda.types import Volume
from syda.volume.model_space import ModelSpace, crop_empty_planes
from syda.volume.transforms import encode

SPACE = ModelSpace(size=8, spacing_mm=1.5, window_min=-1000, window_max=1000)


def at(spacing: float) -> np.ndarray:
    return np.diag([spacing, spacing, spacing, 1.0])


def test_encode_decode_is_exact_where_nothing_is_resampled():
    rng = np.random.default_rng(0)
    hu = rng.integers(-1000, 1001, (8, 8, 8)).astype(np.int16)
    back = SPACE.decode(encode(Volume(hu, at(1.5)), SPACE), 8)
    np.testing.assert_array_equal(back.hu, hu)
    assert back.spacing == (1.5, 1.5, 1.5)


def test_decode_onto_is_the_way_back_into_the_scans_frame(ramp_hu):
    """Half the resolution keeps a ramp; its faces, where a model voxel is cut, are left out."""
    affine = np.array([[1.5, 0, 0, -31], [0, 1.5, 0, 7], [0, 0, 1.5, 120], [0, 0, 0, 1]])
    scan = Volume(ramp_hu(affine, (16, 12, 8)) - 900, affine)
    back = SPACE.decode_onto(encode(scan, SPACE), scan)
    assert back.hu.shape == scan.hu.shape
    np.testing.assert_array_equal(back.affine, scan.affine)
    inside = (slice(1, -1),) * 3
    np.testing.assert_allclose(back.hu[inside], scan.hu[inside], atol=1)


def test_decode_onto_takes_no_voxel_of_the_scan():
    hu = np.arange(16 * 9 * 4, dtype=np.int16).reshape(16, 9, 4)
    image = np.zeros((1, 8, 8, 8), np.float32)
    back = SPACE.decode_onto(image, Volume(hu, at(1.5)))
    assert (back.hu == 0).all()


def test_every_hu_of_the_window_comes_back_and_others_are_clipped():
    space = ModelSpace(size=16, spacing_mm=1.5, window_min=-1000, window_max=1000)
    hu = np.resize(np.arange(-1024, 3072), 16**3).astype(np.int16).reshape(16, 16, 16)
    image = encode(Volume(hu, at(1.5)), space)
    assert image.min() == -1
    assert image.max() == 1
    back = space.decode(image, 16)
    np.testing.assert_array_equal(back.hu, np.clip(hu, -1000, 1000))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(48, 40, 36), (37, 48, 29), (24, 18, 48), (23, 19, 17)])
@pytest.mark.parametrize("size", [16, 24, 32, 37])
def test_a_voxel_of_the_model_lies_where_its_affine_says(shape, size, axis):
    """HU that grow along an axis tell where in the scan a voxel of the model came from."""
    position = np.arange(shape[axis]) - (shape[axis] - 1) / 2  # in voxels, from the centre
    ramp = np.broadcast_to(np.expand_dims(20 * position, [n for n in range(3) if n != axis]), shape)
    space = ModelSpace(size, 1.5, -1000, 1000)
    image = encode(Volume(ramp.astype(np.int16), at(1.5)), space)
    found = image[0].transpose(2, 1, 0) * 1000 / 20 * 1.5  # mm, before decode rounds to whole HU
    affine = space.decode(image, max(shape)).affine
    index = np.argwhere(np.ones(found.shape, bool))
    world = index @ affine[:3, :3].T + affine[:3, 3]
    reach = 1.5 * max(1, max(shape) / size)  # of the filter: within it no edge of the field
    inside = (np.abs(world) <= 0.75 * (np.array(shape) + 1) - reach).all(axis=1)
    assert inside.any()
    off = found[tuple(index[inside].T)] - world[inside, axis]
    assert np.abs(off).max() < 1e-4


def test_effective_spacing_is_in_the_affine_and_the_centre_at_the_origin():
    volume = SPACE.decode(np.zeros((1, 8, 8, 8), np.float32), longest_side=267)
    assert volume.spacing == pytest.approx((1.5 * 267 / 8,) * 3)
    np.testing.assert_allclose(volume.affine @ [3.5, 3.5, 3.5, 1], [0, 0, 0, 1], atol=1e-12)


def test_a_shrunk_scan_has_its_aspect():
    image = encode(Volume(np.zeros((32, 16, 16), np.int16), at(1.5)), SPACE)
    inside = image[0] > -1
    assert [int(inside.any(axis=(1, 2)).sum()), int(inside.any(axis=(0, 1)).sum())] == [4, 8]


def test_physical_crops_the_padding_and_has_the_nominal_spacing():
    hu = np.full((8, 8, 8), -1000, np.int16)
    hu[2:6, 1:7, 3:5] = 40
    volume = Volume(hu, at(3.0))
    cropped = crop_empty_planes(volume)
    assert cropped.hu.shape == (4, 6, 2)
    np.testing.assert_allclose(cropped.affine[:3, 3], [6, 3, 9])
    physical = SPACE.physical(volume)
    assert physical.hu.shape == (8, 12, 4)
    assert physical.spacing == pytest.approx((1.5, 1.5, 1.5), abs=1e-12)
    assert (physical.hu == 40).all()


def test_a_volume_of_air_is_not_cropped():
    hu = np.full((4, 4, 4), -1000, np.int16)
    assert crop_empty_planes(Volume(hu, at(3.0))).hu.shape == (4, 4, 4)
