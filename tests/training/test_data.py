from dataclasses import asdict

import numpy as np
import pytest
import torch

from syda.errors import CheckFailed
from syda.model.conditions import measure
from syda.training.data import Batches, encode
from syda.training.devices import Place
from syda.types import Properties, Volume
from syda.volume.model_space import ModelSpace

ONE = Place(0, 1, 1)
SPACE = ModelSpace(8, 1.5, -1000, 1000)


def volume(hu: int) -> Volume:
    return Volume(np.full((16, 12, 10), hu, np.int16), np.diag([1.5, 1.5, 1.5, 1.0]))


def test_encode_stacks_the_model_images():
    scans = encode([(volume(0), Properties(), {}), (volume(500), Properties(), {})], SPACE)
    assert scans.images.shape == (2, 1, 8, 8, 8)
    assert scans.images.dtype == torch.float32
    assert [case["effective_spacing_mm"] for case in scans.properties] == [3.0, 3.0]
    np.testing.assert_array_equal(scans.images[1].numpy(), SPACE.encode(volume(500))[0])


def test_properties_come_beside_the_images():
    known = Properties(body_width_mm=350.0, noise_hu=9.5)
    scans = encode([(volume(0), known, {"sex": "F"}), (volume(500), Properties(), {})], SPACE)
    unknown = dict.fromkeys(asdict(known))
    assert scans.properties == [
        {
            **unknown,
            "effective_spacing_mm": 3.0,
            "body_width_mm": 350.0,
            "noise_hu": 9.5,
            "sex": "F",
        },
        {**unknown, "effective_spacing_mm": 3.0},
    ]
    conditions = measure(scans.properties, ["body_width_mm", "sex"])
    assert scans.told(conditions).tolist() == [[0, 1, 1], [0, 0, 0]]


def test_no_volume_is_a_failed_check():
    with pytest.raises(CheckFailed, match="no training volume"):
        encode([], SPACE)


def test_every_volume_comes_once_before_any_comes_again():
    images = torch.arange(5.0).reshape(5, 1, 1, 1, 1)
    numbers = 10 * torch.arange(5.0)[:, None]
    batches = list(Batches(images, numbers, ONE, batch=2, count=10, seed=0))
    shown = torch.cat([batch for batch, _ in batches]).flatten()
    assert torch.equal(torch.cat([told for _, told in batches]).flatten(), 10 * shown)
    for start in range(0, 20, 5):
        assert sorted(shown[start : start + 5].tolist()) == [0, 1, 2, 3, 4]


def test_order_follows_the_seed():
    images = torch.arange(20.0).reshape(20, 1, 1, 1, 1)
    none = torch.empty(20, 0)
    first, again, other = (
        torch.cat([shown for shown, _ in Batches(images, none, ONE, batch=4, count=5, seed=seed)])
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_batch_larger_than_the_set_is_filled():
    images = torch.arange(3.0).reshape(3, 1, 1, 1, 1)
    ((batch, told),) = Batches(images, torch.empty(3, 0), ONE, batch=8, count=1, seed=0)
    assert len(batch) == len(told) == 8


def test_processes_share_the_batches_of_one():
    images, none = torch.arange(6.0).reshape(6, 1, 1, 1, 1), torch.empty(6, 0)
    whole, first, second = (
        [shown for shown, _ in Batches(images, none, place, batch=4, count=5, seed=0)]
        for place in (ONE, Place(0, 2, 2), Place(1, 2, 2))
    )
    for batch, a, b in zip(whole, first, second, strict=True):
        assert torch.equal(batch, torch.cat([a, b]))
