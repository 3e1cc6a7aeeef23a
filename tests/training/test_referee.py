import pytest

from syda.errors import CheckFailed
from syda.training.referee import Referee


def line(images: int, loss_d: float = 1.0, spread: float = 0.5) -> dict[str, float]:
    return {"images": images, "loss_d": loss_d, "spread": spread}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"loss_d": 0.001}, "after 400 images the discriminator has won for 300"),
        ({"spread": 0.001}, "after 400 images all synthetic volumes have been one for 300"),
    ],
)
def test_what_lasts_longer_than_the_patience_stops_the_training(bad, message):
    referee = Referee(300)
    referee.judge(line(100))
    referee.judge(line(200, **bad))
    referee.judge(line(300, **bad))
    with pytest.raises(CheckFailed, match=message):
        referee.judge(line(400, **bad))


def test_one_good_line_begins_anew():
    referee = Referee(300)
    for images in range(100, 5000, 200):
        referee.judge(line(images, loss_d=0.001, spread=0.001))
        referee.judge(line(images + 100))
