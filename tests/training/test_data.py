from dataclasses import asdict

import numpy as np
import pytest
import torch

from syda.errors import CheckFailed
from syda.training.data import Batches, encode
from syda.types import Properties, Volume
from syda.volume.model_space import ModelSpace

SPACE = ModelSpace(8, 1.5, -1000, 1000)


def volume(hu: int) -> Volume:
    return Volume(np.full((16, 12, 10), hu, np.int16), np.diag([1.5, 1.5, 1.5, 1.0]))


def test_encode_stacks_the_model_images():
    scans = encode([(volume(0), Properties()), (volume(500), Properties())], SPACE)
    assert scans.images.shape == (2, 1, 8, 8, 8)
    assert scans.images.dtype == torch.float32
    assert scans.longest_sides == [16, 16]
    np.testing.assert_array_equal(scans.images[1].numpy(), SPACE.encode(volume(500))[0])


def test_properties_come_beside_the_images():
    known = Properties(body_width_mm=350.0, noise_hu=9.5)
    scans = encode([(volume(0), known), (volume(500), Properties())], SPACE)
    unknown = dict.fromkeys(asdict(known))
    assert scans.properties == [
        {**unknown, "effective_spacing_mm": 3.0, "body_width_mm": 350.0, "noise_hu": 9.5},
        {**unknown, "effective_spacing_mm": 3.0},
    ]


def test_no_volume_is_a_failed_check():
    with pytest.raises(CheckFailed, match="no training volume"):
        encode([], SPACE)


def test_every_volume_comes_once_before_any_comes_again():
    images = torch.arange(5.0).reshape(5, 1, 1, 1, 1)
    shown = torch.cat(list(Batches(images, batch=2, count=10, seed=0))).flatten()
    for start in range(0, 20, 5):
        assert sorted(shown[start : start + 5].tolist()) == [0, 1, 2, 3, 4]


def test_order_follows_the_seed():
    images = torch.arange(20.0).reshape(20, 1, 1, 1, 1)
    first, again, other = (torch.cat(list(Batches(images, 4, 5, seed))) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_batch_larger_than_the_set_is_filled():
    images = torch.arange(3.0).reshape(3, 1, 1, 1, 1)
    (batch,) = Batches(images, batch=8, count=1, seed=0)
    assert len(batch) == 8
