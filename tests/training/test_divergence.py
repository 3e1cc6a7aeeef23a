import pytest

from syda.errors import CheckFailed
from syda.training.divergence import DivergenceMonitor


def line(images: int, loss_d: float = 1.0, spread: float = 0.5) -> dict[str, float]:
    return {"images": images, "loss_d": loss_d, "spread": spread}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            {"loss_d": 0.001},
            "after 400 images: the discriminator's loss has been below 0.02 for 300",
        ),
        ({"spread": 0.001}, "after 400 images: all synthetic volumes have been the same for 300"),
    ],
)
def test_unhealthy_lines_for_the_patience_stop_the_training(bad, message):
    monitor = DivergenceMonitor(300)
    monitor.update(line(100))
    monitor.update(line(200, **bad))
    monitor.update(line(300, **bad))
    with pytest.raises(CheckFailed, match=message):
        monitor.update(line(400, **bad))


def test_one_healthy_line_starts_the_patience_again():
    monitor = DivergenceMonitor(300)
    for images in range(100, 5000, 200):
        monitor.update(line(images, loss_d=0.001, spread=0.001))
        monitor.update(line(images + 100))
