from types import SimpleNamespace

import pytest

from syda.errors import CheckFailed
from syda.params import load
from syda.tuning.trial import PruningCallback, points, shortened
from training_stages import stages


def test_a_shortened_training_has_the_same_shares_of_its_parts(workspace):
    params = load(workspace({"train.stages": stages(1000, side=32, coarse=400, fade=100)}))
    train = shortened(params, 200)
    assert [stage.model_dump() for stage in train.stages] == stages(
        200, side=32, coarse=80, fade=20
    )
    assert train.log_images == 120
    assert points(train, 4) == [110, 140, 170, 200]
    assert train.generator_lr == params.section("train", type(train)).generator_lr


def test_each_stage_keeps_a_batch(repository):
    train = shortened(load(repository), 2)
    assert [stage.images for stage in train.stages] == [stage.batch for stage in train.stages]
    assert points(train, 3)[-1] == train.images


def test_each_point_is_evaluated_once_and_one_step_can_pass_several():
    reported = []
    pruning = PruningCallback(
        [8, 9, 20], lambda gan: gan.images_seen / 2, lambda *it: reported.append(it)
    )
    for seen in (4, 8, 12, 16, 20, 24):
        pruning.on_train_batch_end(None, SimpleNamespace(images_seen=seen), None, None, 0)
    assert reported == [(1, 8, 4.0), (2, 12, 6.0), (3, 20, 10.0)]
    assert pruning.value == 10.0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_objective_that_is_not_finite_stops_the_training(value):
    pruning = PruningCallback([1], lambda _: value, lambda *_: pytest.fail("it was reported"))
    with pytest.raises(CheckFailed, match="objective is not finite after 4 images"):
        pruning.on_train_batch_end(None, SimpleNamespace(images_seen=4), None, None, 0)
