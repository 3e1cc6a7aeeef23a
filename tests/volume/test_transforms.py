import time

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose

from syda.types import Volume
from syda.volume import transforms
from syda.volume.model_space import ModelSpace
from syda.volume.resample import Axis, along_axes
from syda.volume.transforms import as_image, encode, model_transforms

SPACE = ModelSpace(size=8, spacing_mm=1.5, window_min=-1000, window_max=1000)


def at(spacing: float) -> np.ndarray:
    return np.diag([spacing, spacing, spacing, 1.0])


def by_formula(volume, space):
    """The checklist's steps written out in numpy."""
    half = (space.window_max - space.window_min) / 2
    scaled = (volume.hu.astype(np.float32) - np.float32(space.window_min)) / np.float32(half) - 1
    step = max(volume.hu.shape) / space.size
    axes = [
        Axis(space.size, (length - 1) / 2 - step * (space.size - 1) / 2, step)
        for length in volume.hu.shape
    ]
    fitted = along_axes(np.clip(scaled, -1, 1), axes, outside=-1)
    return np.ascontiguousarray(fitted.transpose(2, 1, 0)[None])


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("window", [(-1000, 1000), (-1024, 1500), (-137, 275)])
@pytest.mark.parametrize("shape", [(48, 40, 36), (37, 48, 29), (23, 19, 17), (8, 8, 8)])
def test_the_tensor_equals_the_formula_bit_for_bit(shape, window, order):
    rng = np.random.default_rng(0)
    hu = np.array(rng.integers(-1024, 3072, shape), np.int16, order=order)
    hu.setflags(write=False)  # as those of a record
    for size in (16, 37):
        space = ModelSpace(size, 1.5, *window)
        found = model_transforms(space)(as_image(Volume(hu, at(1.5))))
        assert type(found) is torch.Tensor
        assert found.is_contiguous()
        np.testing.assert_array_equal(found.numpy(), by_formula(Volume(hu, at(1.5)), space))


@pytest.mark.slow
def test_a_case_takes_no_longer_than_the_formula():
    rng = np.random.default_rng(0)
    hu = rng.integers(-1024, 3072, (313, 313, 133)).astype(np.int16)  # in C order, as in a record
    volume, space = Volume(hu, at(1.5)), ModelSpace(64, 1.5, -1000, 1000)
    seconds = {encode: [], by_formula: []}
    for _ in range(5):
        for way, found in seconds.items():
            start = time.process_time()
            way(volume, space)
            found.append(time.process_time() - start)
    ratio = min(seconds[encode]) / min(seconds[by_formula])
    print(f"\nCompose over formula: {ratio:.2f}")  # noqa: T201
    assert ratio < 1.2


def test_a_sentence_says_what_each_step_does():
    names = [type(step).__name__ for step in model_transforms(SPACE).transforms]
    assert list(transforms.steps(SPACE)) == names
    assert not [text for text in transforms.steps(SPACE).values() if "{" in text]


def test_axes_are_ordered_and_padded_with_air():
    hu = np.zeros((8, 4, 2), np.int16)
    hu[7, 0, 0] = 1000  # right, posterior, inferior
    image = encode(Volume(hu, at(1.5)), SPACE)
    assert image.shape == (1, 8, 8, 8)
    assert image.dtype == np.float32
    assert image[0, 3, 2, 7] == 1  # D = k (padded by 3), H = j (padded by 2), W = i
    assert (image[0, :3] == -1).all()
    assert (image[0, 5:] == -1).all()
    assert (image[0, 3:5, 2:6] > -1).all()


def test_the_window_is_scaled_and_clipped():
    hu = np.array([-1024, -1000, 0, 500, 1000, 3071], np.int16).reshape(1, 1, 6)
    scaled = transforms.scale_window(hu, SPACE)
    np.testing.assert_allclose(scaled[:, 0, 0], [-1, -1, 0, 0.5, 1, 1])


def test_another_spacing_is_refused():
    with pytest.raises(RuntimeError, match="CheckSpacing") as error:
        encode(Volume(np.zeros((4, 4, 4), np.int16), at(2.0)), SPACE)
    assert str(error.value.__cause__) == "spacing [2.0, 2.0, 2.0] mm, expected 1.5 mm"


def test_fitting_has_an_inverse_and_the_affine_goes_along(ramp_hu):
    affine = np.array([[1.5, 0, 0, -31], [0, 1.5, 0, 7], [0, 0, 1.5, 120], [0, 0, 0, 1]])
    hu = ramp_hu(affine, (16, 12, 8)) - 900
    fit = transforms.FitAndPad(8)
    image = as_image(Volume(hu, affine)) / 1000
    fitted = fit(image)
    assert isinstance(fitted, MetaTensor)
    assert fitted.shape == (1, 8, 8, 8)
    centre = np.array([3.5, 3.5, 3.5, 1])
    np.testing.assert_allclose(fitted.affine.numpy() @ centre, affine @ [7.5, 5.5, 3.5, 1])
    back = Compose([fit]).inverse(fitted)
    assert back.shape == image.shape
    np.testing.assert_array_equal(back.affine.numpy(), affine)
    assert not back.applied_operations
    inside = (slice(1, -1),) * 3  # a model voxel at a face is cut
    np.testing.assert_allclose(back[0].numpy()[inside] * 1000, hu[inside], atol=1)
