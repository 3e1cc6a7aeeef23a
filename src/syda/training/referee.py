"""Stops a training that has nothing left to learn from: one side has won, and stays the winner."""

from collections.abc import Mapping

from syda.errors import CheckFailed

WON_BELOW = 0.02
"""Loss of a discriminator that is hardly ever wrong: the generator gets no usable gradient."""

COLLAPSED_BELOW = 0.02
"""Spread of synthetic volumes, relative to the real ones, that are one and the same volume."""


class Referee:
    """Watches the lines of the curves.

    Args:
        patience: images over which every line must be bad before the training is stopped.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.good_until = {"won": 0, "collapsed": 0}

    def judge(self, line: Mapping[str, float]) -> None:
        """Look at a new line of the curves.

        Raises:
            CheckFailed: discriminator or collapse has lasted longer than the patience.
        """
        images = int(line["images"])
        if line["loss_d"] >= WON_BELOW:
            self.good_until["won"] = images
        if line["spread"] >= COLLAPSED_BELOW:
            self.good_until["collapsed"] = images
        if images - self.good_until["won"] >= self.patience:
            raise CheckFailed(
                f"train: after {images} images the discriminator has won for {self.patience}: "
                "raise train.r1_weight, or lower train.discriminator_lr"
            )
        if images - self.good_until["collapsed"] >= self.patience:
            raise CheckFailed(
                f"train: after {images} images all synthetic volumes have been one for "
                f"{self.patience}: raise train.r1_weight, or lower train.generator_lr"
            )
