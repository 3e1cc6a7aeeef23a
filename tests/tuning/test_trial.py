from types import SimpleNamespace

import pytest

from syda.errors import CheckFailed
from syda.params import load
from syda.tuning.trial import Watch, points, shortened


def test_a_short_training_keeps_the_shares_of_its_parts(workspace):
    params = load(
        workspace({"train.images": 1000, "train.coarse_images": 400, "train.fade_images": 100})
    )
    own = shortened(params, 200)
    assert (own.images, own.coarse_images, own.fade_images, own.log_images) == (200, 80, 20, 120)
    assert points(own, 4) == [110, 140, 170, 200]
    assert own.generator_lr == params.section("train", type(own)).generator_lr


@pytest.mark.parametrize("images", [2, 3, 7])
def test_a_training_can_be_as_short_as_two_images(repository, images):
    own = shortened(load(repository), images)
    assert own.coarse_images < own.images == images
    assert points(own, 3)[-1] == images


def test_each_point_is_judged_once_and_one_step_can_pass_several():
    told = []
    watch = Watch([8, 9, 20], lambda game: game.images_seen / 2, lambda *it: told.append(it))
    for seen in (4, 8, 12, 16, 20, 24):
        watch.on_train_batch_end(None, SimpleNamespace(images_seen=seen), None, None, 0)
    assert told == [(1, 8, 4.0), (2, 12, 6.0), (3, 20, 10.0)]
    assert watch.value == 10.0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_objective_that_is_no_number_stops_the_training(value):
    watch = Watch([1], lambda _: value, lambda *_: pytest.fail("it was reported"))
    with pytest.raises(CheckFailed, match="objective is not finite after 4 images"):
        watch.on_train_batch_end(None, SimpleNamespace(images_seen=4), None, None, 0)
