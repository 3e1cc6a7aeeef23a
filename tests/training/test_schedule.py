import pytest

from syda.errors import ParamsError
from syda.training import schedule
from tiny_training import train_params


def test_stages_follow_one_another_and_the_last_one_stays():
    params = train_params(images=32, first=8, coarse=12)
    at = [schedule.stage_at(seen, params) for seen in (0, 7, 8, 20, 32)]
    assert [(stage.side, shown) for stage, shown in at] == [
        (8, 0),
        (8, 7),
        (8, 0),
        (16, 0),
        (16, 12),
    ]
    assert params.images == 32
    assert params.batch_sizes == [4] * 8


def test_the_finest_block_fades_in_over_its_stage():
    params = train_params(images=32, coarse=12, fade=10)
    assert [schedule.fade(seen, params) for seen in (0, 12, 17, 22, 30)] == [1, 0, 0.5, 1, 1]


def test_learning_rates_fall_to_zero_at_the_end():
    params = train_params({"decay_share": 0.25}, images=32)
    rates = [schedule.learning_rate(2.0, seen, params) for seen in (0, 24, 28, 32)]
    assert rates == [2.0, 2.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("lengths", "changes", "message"),
    [
        ({"images": 10}, {}, "no multiple of their batch"),
        ({"first": 4}, {"reconstruction.weight": 0.0}, "needs reconstruction.weight above 0"),
        ({"images": 4}, {"log_images": 8}, "log_images is larger"),
    ],
)
def test_stages_that_contradict_one_another_are_refused(lengths, changes, message):
    with pytest.raises(ParamsError, match=message):
        train_params(changes, **lengths)
