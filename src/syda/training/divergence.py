"""Stops a training that has collapsed: it would not recover."""

from collections.abc import Mapping

from syda.errors import CheckFailed

LOSS_FLOOR = 0.02
"""Discriminator loss below which the generator gets no usable gradient."""

DIVERSITY_FLOOR = 0.02
"""Diversity ratio below which the synthetic volumes are copies of each other."""


class DivergenceMonitor:
    """Watches the lines of the training curves.

    Args:
        patience: images over which every line must be unhealthy before the training is stopped.

    Attributes:
        last_healthy: image count of the last healthy line, by what is watched.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.last_healthy = {"loss": 0, "diversity": 0}

    def update(self, line: Mapping[str, float]) -> None:
        """Check a new line of the curves.

        Raises:
            CheckFailed: the discriminator's loss, or the diversity, has been below its floor for
                the patience.
        """
        images = int(line["images"])
        if line.get("loss_d", 1.0) >= LOSS_FLOOR:  # an adversarial stage may come later
            self.last_healthy["loss"] = images
        if line.get("spread", 1.0) >= DIVERSITY_FLOOR:
            self.last_healthy["diversity"] = images
        if images - self.last_healthy["loss"] >= self.patience:
            raise CheckFailed(
                f"train: after {images} images: the discriminator's loss has been below "
                f"{LOSS_FLOOR} for {self.patience} images: raise train.r1_weight, or lower "
                "train.discriminator_lr"
            )
        if images - self.last_healthy["diversity"] >= self.patience:
            raise CheckFailed(
                f"train: after {images} images: all synthetic volumes have been the same for "
                f"{self.patience} images: raise train.r1_weight, or lower train.generator_lr"
            )
